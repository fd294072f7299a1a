// What a program made with the AI SDK and its Open Responses provider does: a tool, and a streamed answer.
import { createOpenResponses } from '@ai-sdk/open-responses';
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';

const [url, apiKey] = process.argv.slice(2);
const model = createOpenResponses({ name: 'ours', url: `${url}/responses`, apiKey })('gpt-4o');
const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const weather = tool({
  description: 'The weather in a city.',
  inputSchema: jsonSchema(city),
  execute: async (given) => `sun in ${given.city}`,
});
const whole = await generateText({
  model,
  prompt: 'Weather in Rome?',
  tools: { weather },
  stopWhen: stepCountIs(3),
  maxRetries: 0,
});
const streamed = streamText({ model, prompt: 'And now?', maxRetries: 0 });
let told = '';
for await (const piece of streamed.textStream) told += piece;
const usage = await streamed.usage;
console.log(JSON.stringify({ answers: [whole.text.trim(), told.trim()], steps: whole.steps.length, tokens: usage.outputTokens }));
