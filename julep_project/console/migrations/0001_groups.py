from django.db import migrations, models

PERMISSIONS = (
    ("view_console", "See runs, waits, queues and what is wrong, without contents"),
    ("view_contents", "Read inputs, outputs and messages"),
    ("operate", "Answer, retry, cancel and pause"),
    ("administer", "Change API keys and retention"),
)
# Each may do what those before it may.
GROUPS = {
    "Console viewer": ("view_console",),
    "Console operator": ("view_console", "view_contents", "operate"),
    "Console administrator": ("view_console", "view_contents", "operate", "administer"),
}


def make_groups(apps, schema_editor):
    """Permissions are made here and not left to the end of `migrate`: groups need them. A group that staff has made
    before keeps what it has."""
    content_type, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label="console", model="console"
    )
    permissions = {
        codename: apps.get_model("auth", "Permission").objects.get_or_create(
            content_type=content_type, codename=codename, defaults={"name": name}
        )[0]
        for codename, name in PERMISSIONS
    }
    for name, codenames in GROUPS.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*(permissions[codename] for codename in codenames))


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.CreateModel(
            name="Console",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ],
            options={"managed": False, "default_permissions": (), "permissions": PERMISSIONS},
        ),
        migrations.RunPython(make_groups, migrations.RunPython.noop),
    ]
