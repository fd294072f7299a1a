"""Policies: where they come from, when they are missing, and how the database is told whose rows are meant."""

import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.test.utils import isolate_apps
from psycopg import sql

from agents.models import Developer, Project
from julep_project.core.database import execute, fetch
from julep_project.core.health.checks import refuse_errors
from julep_project.core.row_security import force, policies
from julep_project.core.tenancy import Through, empty_scope, tenant_scope
from julep_project.devservices.postgres import find_programs


@pytest.mark.django_db
class TestInForce:
    def test_is_what_the_models_say(self) -> None:
        assert force.look() == force.Standing()

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ("ALTER TABLE agents_agent NO FORCE ROW LEVEL SECURITY", "has no row-level security in force"),
            ("DROP POLICY tenant ON agents_agent", "has other policies than the models say"),
            ("CREATE POLICY more ON agents_agent USING (true)", "has other policies than the models say"),
            ("ALTER POLICY tenant ON agents_agent TO PUBLIC", "has other policies than the models say"),
            ("REVOKE UPDATE ON agents_agent FROM julep_tenant", "is not granted to the tenants' role"),
        ],
    )
    def test_what_is_changed_is_found_and_mended(self, change: str, told: str) -> None:
        execute(change)
        with pytest.raises(ImproperlyConfigured, match=f"agents_agent {told}"):
            refuse_errors()
        with pytest.raises(CommandError, match=f"agents_agent {told}"):
            call_command("row_security")
        said: list[str] = []
        force.bring_into_force(said.append)
        assert said == (["Row-level security of agents_agent"])
        assert force.look() == force.Standing()
        refuse_errors()

    def test_a_schema_that_was_made_again_is_found_and_granted(self) -> None:
        execute("REVOKE USAGE ON SCHEMA public FROM PUBLIC")
        assert force.look().wrong == ["the schema public is not granted to the tenants' role"]
        force.bring_into_force(lambda _: None)
        assert force.look() == force.Standing()

    def test_a_command_does_not_ask_for_what_migrate_is_to_do(self) -> None:
        execute("ALTER TABLE agents_agent DISABLE ROW LEVEL SECURITY")
        assert not [found for found in run_checks(databases=["default"]) if found.is_serious()]

    def test_a_table_of_staff_that_is_open_is_found(self) -> None:
        execute("GRANT SELECT ON auth_user TO julep_tenant")
        assert force.look().wrong == ["auth_user is open to the tenants' role"]

    def test_a_role_that_bypasses_is_found(self) -> None:
        execute("ALTER ROLE julep_tenant BYPASSRLS")
        assert force.look().wrong == ["the role julep_tenant bypasses row-level security"]

    def test_many_developers_need_it(self, settings: Any) -> None:
        settings.AGENTS_API_MULTI_TENANT_MODE, settings.JWT_SHARED_KEY = True, ["k" * 32]
        settings.ROW_SECURITY_ON = False
        with pytest.raises(ImproperlyConfigured, match="ROW_SECURITY is off"):
            refuse_errors()

    def test_one_developer_does_not(self, settings: Any) -> None:
        settings.ROW_SECURITY_ON = False
        execute("ALTER TABLE agents_agent DISABLE ROW LEVEL SECURITY")
        refuse_errors()
        with empty_scope():
            assert Developer.objects.exists()


class TestDeclarations:
    @pytest.mark.django_db
    @isolate_apps("agents")
    def test_a_model_that_says_nothing_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Note(models.Model):
            class Meta:
                app_label = "agents"

        class Leaf(models.Model):
            tenancy = Through("note_id", "agents.Agent")

            class Meta:
                app_label = "agents"

        monkeypatch.setattr(policies, "_models", lambda: iter([Note, Leaf]))
        with pytest.raises(ImproperlyConfigured) as caught:
            refuse_errors()
        assert "agents.Note has no `developer_id` and says nothing of its `tenancy`" in str(caught.value)
        assert "agents.Leaf is declared by its column note_id, which it does not have" in str(caught.value)


@pytest.mark.django_db
class TestPlainOwner:
    """Hosted Postgres: the login owns the tables and is no superuser. One that was upgraded goes on as before."""

    @pytest.fixture(autouse=True)
    def owner(self, developer: Developer) -> Iterator[None]:
        names = connection.introspection.table_names()
        execute("CREATE ROLE plain LOGIN; GRANT CREATE ON SCHEMA public TO plain")
        for name in names:
            execute(sql.SQL("ALTER TABLE {} OWNER TO plain").format(sql.Identifier(name)))
        execute("SET LOCAL SESSION AUTHORIZATION plain")
        yield

    def test_sees_nothing_when_it_is_no_member(self) -> None:
        assert fetch("SELECT count(*) FROM agents_developer") == [(0,)]
        assert "the login is no member of julep_system" in force.look().wrong

    def test_may_not_make_roles_and_is_told_what_to_run(self) -> None:
        with pytest.raises(CommandError, match="GRANT julep_tenant, julep_system TO plain;"):
            call_command("migrate", verbosity=0)

    def test_sees_all_as_a_member_and_one_developer_in_its_scope(
        self, developer: Developer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command("row_security", sql=True)
        printed = capsys.readouterr().out
        execute("SET LOCAL SESSION AUTHORIZATION DEFAULT")
        execute(printed)
        other = Developer.objects.create()
        execute("SET LOCAL SESSION AUTHORIZATION plain")
        assert fetch("SELECT count(*) FROM agents_developer") == [(2,)]
        with tenant_scope(other.pk):
            assert fetch("SELECT id FROM agents_developer") == [(other.pk,)]
            Project.objects.create(developer=other, name="p", canonical_name="p")
        with empty_scope():
            assert fetch("SELECT count(*) FROM agents_developer") == [(0,)]
        assert Project.objects.filter(developer=other).exists()

    def test_puts_it_in_force(self) -> None:
        execute("SET LOCAL SESSION AUTHORIZATION DEFAULT; GRANT julep_tenant, julep_system TO plain")
        execute("ALTER TABLE agents_agent DISABLE ROW LEVEL SECURITY; SET LOCAL SESSION AUTHORIZATION plain")
        call_command("migrate", verbosity=0)
        assert force.look().wrong == []
        execute("SET LOCAL SESSION AUTHORIZATION DEFAULT")


@pytest.mark.django_db(transaction=True)
def test_a_dump_keeps_the_policies(tmp_path: Any) -> None:
    programs, made = find_programs(), connection.settings_dict
    where = {"host": made["HOST"], "port": made["PORT"], "user": made["USER"]}
    url = f"postgresql://{made['USER']}@/{{}}?host={made['HOST']}&port={made['PORT']}"
    name = f"{made['NAME']}_restored"
    dump = str(tmp_path / "dump")
    say = [str(programs / "pg_dump"), "--format=custom", "--schema-only", f"--file={dump}", url.format(made["NAME"])]
    subprocess.run(say, check=True)
    kept = "SELECT tablename, policyname, roles::text, qual FROM pg_policies ORDER BY 1, 2"
    with psycopg.connect(**where, dbname="postgres", autocommit=True) as server:
        # Left by a run that was killed.
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            subprocess.run(
                [str(programs / "pg_restore"), "--exit-on-error", f"--dbname={url.format(name)}", dump], check=True
            )
            with psycopg.connect(**where, dbname=name) as restored:
                assert restored.execute(kept).fetchall() == fetch(kept)
                forced = "SELECT count(*) FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
                assert restored.execute(forced).fetchone() == (len(policies.guarded_tables()),)
        finally:
            server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
