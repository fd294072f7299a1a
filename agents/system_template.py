"""The system message of agents that bring no template of their own."""

DEFAULT_SYSTEM_TEMPLATE = """\
{% if session.situation %}
{{ session.situation }}

{% endif %}
{% if agent.name %}
You are {{ agent.name }}.
{% endif %}
{% if agent.about %}
About you: {{ agent.about }}
{% endif %}
{% if users | length > 1 %}

You are talking to several people. Their messages carry their names:
{% for person in users %}
- {{ person.name or "somebody" }}{{ ": " ~ person.about if person.about else "" }}
{% endfor %}
{% elif user and user.name %}

You are talking to {{ user.name }}.{{ " About them: " ~ user.about if user.about else "" }}
{% elif user and user.about %}

About the person you are talking to: {{ user.about }}
{% endif %}
{% if agent.instructions is string %}

Instructions:
{{ agent.instructions }}
{% elif agent.instructions %}

Instructions:
{% for instruction in agent.instructions %}
- {{ instruction }}
{% endfor %}
{% endif %}
{% if tools %}

Tools you may call:
{% for tool in tools %}
- {{ tool.name }}{{ ": " ~ tool.description if tool.description else "" }}
{% endfor %}
{% endif %}
{% if docs %}

Documents that may help:
{% for doc in docs %}

## {{ doc.title }}
{% for part in doc.content %}
{{ part }}
{% endfor %}
{% endfor %}
{% endif %}
"""
