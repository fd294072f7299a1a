"""Webhooks: endpoints, messages, deliveries; and how the database itself tells of what happens.

The tenants' role may use the tables from here on, not only from when policies are made: runs of the version before end
meanwhile, and the triggers of their tables look here.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
import julep_project.core.clock
import julep_project.core.ids
from django.db import migrations, models

from julep_project.core.autovacuum import APPENDED, CHANGED, look_after

# Whoever adds a message of a subject, or lets its next one follow, holds this until the end of the transaction.
_LOCK = """
CREATE FUNCTION webhooks_lock_subject(of_subject uuid) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(hashtextextended('webhooks ' || of_subject::text, 0))
$$;
"""
_UUID7 = """
CREATE FUNCTION webhooks_uuid7() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(set_bit(set_bit(overlay(
        uuid_send(gen_random_uuid())
        PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6
    ), 52, 1), 53, 1), 'hex')::uuid
$$;
"""
# How many endpoints are told. The first question is all there is to it where nobody is. By indexes only: a plan that was
# made while the tables were small would read all of them, in whatever session it is kept. An endpoint that is being
# removed is passed over: whoever waited for that would fail with it, and what has happened would not be committed.
_RECORD = """
CREATE FUNCTION webhooks_record(of_developer uuid, of_type text, of_subject uuid, with_data jsonb) RETURNS integer
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    asked text[] := ARRAY['*', split_part(of_type, '.', 1) || '.*', of_type];
    message bigint;
    told integer;
BEGIN
    IF NOT EXISTS (SELECT FROM webhooks_endpoint e
                   WHERE e.developer_id = of_developer AND e.enabled AND e.events && asked::varchar[]) THEN
        RETURN 0;
    END IF;
    PERFORM webhooks_lock_subject(of_subject);
    INSERT INTO webhooks_message (id, developer_id, type, subject_id, data)
    VALUES (webhooks_uuid7(), of_developer, of_type, of_subject, with_data)
    RETURNING number INTO message;
    INSERT INTO webhooks_delivery (id, developer_id, endpoint_id, message_id, subject_id, attempts, state, error,
                                   ended_at)
    WITH e AS MATERIALIZED (
        SELECT id, is_full FROM webhooks_endpoint
        WHERE developer_id = of_developer AND enabled AND events && asked::varchar[] FOR KEY SHARE SKIP LOCKED
    )
    SELECT webhooks_uuid7(), of_developer, e.id, message, of_subject, 0,
           CASE WHEN e.is_full THEN 'dropped'
                WHEN EXISTS (SELECT FROM webhooks_delivery d WHERE d.endpoint_id = e.id AND d.subject_id = of_subject
                             AND d.state IN ('pending', 'waiting')) THEN 'waiting'
                ELSE 'pending' END,
           CASE WHEN e.is_full THEN 'too many messages were waiting' ELSE '' END,
           CASE WHEN e.is_full THEN now() END
    FROM e;
    GET DIAGNOSTICS told = ROW_COUNT;
    RETURN told;
END $$;
"""
_ASKED = """
CREATE FUNCTION webhooks_is_asked(of_developer uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM webhooks_endpoint e WHERE e.developer_id = of_developer AND e.enabled);
END $$;
"""
# Of any table of jobs.
_TELL_JOB = """
CREATE FUNCTION webhooks_tell_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM webhooks_record(NEW.developer_id, 'job.' || NEW.state, NEW.id,
        jsonb_build_object('id', NEW.id, 'name', NEW.name, 'state', NEW.state));
    RETURN NULL;
END $$;
CREATE TRIGGER webhooks_job AFTER UPDATE OF state ON retention_erasure FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state AND NEW.state IN ('succeeded', 'failed', 'aborted'))
    EXECUTE FUNCTION webhooks_tell_job();
"""
# When what is spent comes to the amount; the amount of the free tier is no row.
_TELL_BUDGET = """
CREATE FUNCTION webhooks_tell_budget() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told record;
BEGIN
    IF NOT webhooks_is_asked(NEW.developer_id) THEN
        RETURN NULL;
    END IF;
    SELECT l.scope, l.scope_id, l.period, l.amount INTO told FROM spending_spendinglimit l
    WHERE l.id = NEW.limit_id AND NEW.spent - NEW.forgiven >= l.amount AND OLD.spent - OLD.forgiven < l.amount;
    IF FOUND THEN
        PERFORM webhooks_record(NEW.developer_id, 'budget.reached', NEW.limit_id, jsonb_build_object(
            'id', NEW.limit_id, 'scope', told.scope, 'scope_id', told.scope_id, 'period', told.period,
            'amount', told.amount, 'spent', NEW.spent - NEW.forgiven));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER webhooks_budget AFTER UPDATE OF spent ON spending_spendingtotal FOR EACH ROW
    WHEN (NEW.spent > OLD.spent AND NEW.limit_id IS NOT NULL)
    EXECUTE FUNCTION webhooks_tell_budget();
"""
_GRANT = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'julep_tenant') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON webhooks_endpoint, webhooks_message, webhooks_delivery TO julep_tenant;
    END IF;
END $$;
"""
_DROP = """
DROP TRIGGER webhooks_budget ON spending_spendingtotal;
DROP TRIGGER webhooks_job ON retention_erasure;
DROP FUNCTION webhooks_tell_budget();
DROP FUNCTION webhooks_tell_job();
DROP FUNCTION webhooks_is_asked(uuid);
DROP FUNCTION webhooks_record(uuid, text, uuid, jsonb);
DROP FUNCTION webhooks_uuid7();
DROP FUNCTION webhooks_lock_subject(uuid);
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("agents", "0011_tool_approval"),
        ("retention", "0002_erasures"),
        ("spending", "0002_task_usage_days"),
    ]

    operations = [
        migrations.CreateModel(
            name="Endpoint",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=julep_project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                ("updated_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                ("url", models.TextField()),
                ("description", models.TextField(blank=True, default="")),
                (
                    "events",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64),
                        help_text="types, or patterns such as execution.*",
                        size=None,
                    ),
                ),
                ("enabled", models.BooleanField(db_default=True, default=True)),
                ("disabled_reason", models.TextField(blank=True, db_default="", default="")),
                ("disabled_at", models.DateTimeField(editable=False, null=True)),
                ("sealed", models.TextField()),
                ("sealed_with", models.CharField(max_length=16)),
                ("previous_sealed", models.TextField(blank=True, db_default="", default="")),
                ("previous_sealed_with", models.CharField(blank=True, db_default="", default="", max_length=16)),
                ("previous_until", models.DateTimeField(editable=False, null=True)),
                ("failures", models.PositiveIntegerField(db_default=0, default=0)),
                ("failing_since", models.DateTimeField(editable=False, null=True)),
                (
                    "is_full",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="more messages of the developer wait than may: new ones are dropped",
                    ),
                ),
                ("created_by", models.TextField(blank=True, default="")),
                (
                    "developer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="agents.developer",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                ("number", models.BigAutoField(primary_key=True, serialize=False)),
                ("id", models.UUIDField(default=julep_project.core.ids.uuid7, editable=False, unique=True)),
                ("type", models.CharField(max_length=64)),
                (
                    "subject_id",
                    models.UUIDField(help_text="the run, session, job, response, schedule or limit it is about"),
                ),
                ("data", models.JSONField()),
                ("created_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                (
                    "developer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="agents.developer",
                    ),
                ),
            ],
            options={
                "ordering": ("-number",),
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("version", models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                ("lease_until", models.DateTimeField(editable=False, null=True)),
                (
                    "attempts",
                    models.PositiveSmallIntegerField(default=0, editable=False, help_text="claims that count"),
                ),
                ("due_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                ("rung_at", models.DateTimeField(editable=False, null=True)),
                (
                    "id",
                    models.UUIDField(
                        default=julep_project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("subject_id", models.UUIDField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("waiting", "Waiting"),
                            ("delivered", "Delivered"),
                            ("failed", "Failed"),
                            ("dropped", "Dropped"),
                        ],
                        default="pending",
                        max_length=16,
                    ),
                ),
                ("tries", models.PositiveSmallIntegerField(db_default=0, default=0)),
                (
                    "since",
                    models.DateTimeField(
                        db_default=julep_project.core.clock.DatabaseNow(),
                        editable=False,
                        help_text="it is tried for so long from here",
                    ),
                ),
                ("status", models.PositiveSmallIntegerField(help_text="what the receiver answered last", null=True)),
                ("error", models.TextField(blank=True, db_default="", default="")),
                (
                    "excerpt",
                    models.TextField(blank=True, db_default="", default="", help_text="how the last answer began"),
                ),
                ("log", models.JSONField(db_default=[], default=list)),
                ("created_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                ("ended_at", models.DateTimeField(editable=False, null=True)),
                (
                    "developer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="agents.developer",
                    ),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="deliveries",
                        to="webhooks.endpoint",
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DO_NOTHING, related_name="deliveries", to="webhooks.message"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "ordering": ("-created_at", "-id"),
            },
        ),
        migrations.AddIndex(
            model_name="endpoint",
            index=models.Index(fields=["developer", "-created_at", "-id"], name="endpoint_of_developer"),
        ),
        migrations.AddIndex(
            model_name="endpoint",
            index=models.Index(condition=models.Q(("enabled", True)), fields=["developer"], name="endpoint_enabled"),
        ),
        migrations.AddIndex(
            model_name="endpoint",
            index=models.Index(fields=["sealed_with", "id"], name="endpoint_sealed_with"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["developer", "created_at"], name="message_of_developer"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "pending")), fields=["developer", "due_at"], name="delivery_of_tenant"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state__in", ("failed", "dropped"))),
                fields=["endpoint", "created_at", "message"],
                name="delivery_not_arrived",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "pending")), fields=["endpoint", "due_at", "message"], name="delivery_due"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state__in", ("pending", "waiting"))),
                fields=["endpoint", "subject_id", "message"],
                name="delivery_in_order",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["endpoint", "-created_at", "-id"], name="delivery_of_endpoint"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["pending", "waiting", "delivered", "failed", "dropped"])),
                name="delivery_state_known",
            ),
        ),
        look_after(["webhooks_delivery", "webhooks_endpoint"], CHANGED),
        look_after(["webhooks_message"], APPENDED),
        migrations.RunSQL(_LOCK + _UUID7 + _RECORD + _ASKED + _TELL_JOB + _TELL_BUDGET + _GRANT, _DROP),
    ]
