"""Services that one can sign in to, and who is signed in there."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from agents.models import Developer, User
from agents.vault.models import LONGEST_FINGERPRINT
from julep_project.core.models import Resource
from julep_project.core.tenancy import TenantManager

LONGEST_NAME = 120
LONGEST_URL = 2048
LONGEST_SCOPE = 200
_DIGEST_BYTES = 32


class ProviderKind(models.TextChoices):
    """How it is known where one signs in: by what a developer says, or by what an MCP server says of itself."""

    OAUTH = "oauth"
    MCP = "mcp"


class Registration(models.TextChoices):
    """As which client this installation signs people in."""

    CONFIGURED = "configured", "one that the developer has registered"
    METADATA = "metadata", "one that a document of this installation describes"
    DYNAMIC = "dynamic", "one that was registered by this installation"


class Provider(Resource):
    """A service that people sign in to, of one developer.

    `resource` is the address of the MCP server it protects, `audience` what tokens are asked for (RFC 8707), `issuer`
    who gives them out. `client_secret` names a secret of the developer; that of a client that was registered by this
    installation is sealed here.
    """

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=LONGEST_NAME)
    kind = models.CharField(max_length=8, choices=ProviderKind.choices)
    resource = models.TextField(blank=True, default="")
    audience = models.TextField(blank=True, default="")
    issuer = models.TextField(blank=True, default="")
    authorize_url = models.TextField(blank=True, default="")
    token_url = models.TextField(blank=True, default="")
    revoke_url = models.TextField(blank=True, default="")
    registration = models.CharField(max_length=16, choices=Registration.choices)
    client_id = models.TextField(blank=True, default="")
    client_secret = models.CharField(max_length=LONGEST_NAME, blank=True, default="")
    client_auth = models.CharField(max_length=32, help_text="how the client says to the token endpoint that it is it")
    sealed = models.TextField(blank=True, default="")
    sealed_with = models.CharField(max_length=LONGEST_FINGERPRINT, blank=True, default="")
    scopes = ArrayField(models.CharField(max_length=LONGEST_SCOPE), default=list, blank=True)
    parameters = models.JSONField(default=dict, blank=True, help_text="what else the address to sign in at is given")
    says_issuer = models.BooleanField(default=False, help_text="its answers name their issuer: RFC 9207")
    discovered_at = models.DateTimeField(null=True, editable=False)

    objects = TenantManager()

    class Meta(Resource.Meta):
        constraints = [
            models.UniqueConstraint("developer", Lower("name"), name="connection_provider_name_unique"),
            models.UniqueConstraint(
                fields=["developer", "resource"], condition=Q(kind="mcp"), name="connection_provider_of_resource"
            ),
            models.CheckConstraint(condition=Q(kind__in=ProviderKind.values), name="connection_provider_kind_known"),
        ]
        indexes = [models.Index(fields=["developer", "-created_at", "-id"], name="provider_of_developer")]

    def __str__(self) -> str:
        return self.name


class ConnectionStatus(models.TextChoices):
    """Where a connection stands."""

    PENDING = "pending", "nobody has signed in yet"
    CONNECTED = "connected", "calls may use it"
    REFUSED = "refused", "whoever was asked did not agree"
    EXPIRED = "expired", "its token is over and cannot be renewed: somebody has to sign in again"


class Connection(Resource):
    """A user at a service, or with no user the developer. Tokens are `sealed`, and nothing else of them is kept.

    `turn` counts how often it was settled: by a sign-in, a refusal, the loss of its tokens. Links and calls that wait
    name the turn they are for. Until `renewing_until` one process alone asks for other tokens. Of a sign-in under way
    only digests are here; the latest counts, once.
    """

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+", db_index=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="connections")
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    status = models.CharField(max_length=16, choices=ConnectionStatus.choices, default=ConnectionStatus.PENDING)
    turn = models.PositiveBigIntegerField(default=0)
    scopes = ArrayField(models.CharField(max_length=LONGEST_SCOPE), default=list, blank=True)
    wanted = ArrayField(
        models.CharField(max_length=LONGEST_SCOPE), null=True, blank=True, help_text="what the next sign-in asks for"
    )
    sealed = models.TextField(blank=True, default="")
    sealed_with = models.CharField(max_length=LONGEST_FINGERPRINT, blank=True, default="")
    token_until = models.DateTimeField(null=True, editable=False)
    connected_at = models.DateTimeField(null=True, editable=False)
    refreshed_at = models.DateTimeField(null=True, editable=False)
    renewing_until = models.DateTimeField(null=True, editable=False)
    problem = models.TextField(blank=True, default="")
    link_until = models.DateTimeField(null=True, editable=False)
    state_digest = models.BinaryField(max_length=_DIGEST_BYTES, null=True, unique=True, editable=False)
    browser_digest = models.BinaryField(max_length=_DIGEST_BYTES, null=True, editable=False)
    state_until = models.DateTimeField(null=True, editable=False)

    objects = TenantManager()

    class Meta(Resource.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "user"], nulls_distinct=False, name="connection_of_user_and_provider"
            ),
            models.CheckConstraint(condition=Q(status__in=ConnectionStatus.values), name="connection_status_known"),
        ]
        indexes = [
            models.Index(fields=["developer", "-created_at", "-id"], name="connection_of_developer"),
            models.Index(fields=["sealed_with", "id"], name="connection_sealed_with"),
            models.Index(fields=["status", "id"], name="connection_of_status"),
        ]

    def __str__(self) -> str:
        return f"{self.provider_id} {self.status}"
