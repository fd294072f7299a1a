"""The system message of agents that bring no template of their own."""

DEFAULT_SYSTEM_TEMPLATE = """\
{%- if agent.name %}
You are {{ agent.name }}.
{%- endif %}
{%- if agent.about %}

About you: {{ agent.about }}
{%- endif %}
{%- if user and user.name %}

You are talking to {{ user.name }}.{% if user.about %} About them: {{ user.about }}{% endif %}
{%- endif %}
{%- if agent.instructions %}

Instructions:
{%- for instruction in agent.instructions %}
- {{ instruction }}
{%- endfor %}
{%- endif %}
{%- if docs %}

Documents that may help:
{%- for doc in docs %}

## {{ doc.title }}
{%- for part in doc.content %}
{{ part }}
{%- endfor %}
{%- endfor %}
{%- endif %}
"""
