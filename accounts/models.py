"""Organizations, the people in them, and the tokens that act for them."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.notifications import models as _models_of_notifications  # noqa: F401 - Django finds them by this module
from aim.ids import IdKind, show_id, uuid7
from aim.mail.models import OutgoingMail


class Organization(models.Model):
    """A tenant: every other row belongs to exactly one."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        DISABLED = "disabled"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200, unique=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.ACTIVE)
    timezone = models.CharField(max_length=64, default="UTC")
    second_factor_required = models.BooleanField(default=False)
    sso_only = models.BooleanField(default=False)
    session_hours = models.PositiveSmallIntegerField(default=12)
    allowed_domains = models.JSONField(default=list)
    """Whoever signs in with an address of these, confirmed by a provider, joins as a viewer; empty by default."""
    alert_preferences = models.JSONField(default=dict)
    """Which roles are told of which alert: see `accounts.alerts`."""
    logo_digest = models.CharField(max_length=64, blank=True)
    """That of `OrganizationLogo`, to name the picture without fetching it; empty where there is none."""
    policy_changes_need_second_person = models.BooleanField(default=False)
    second_person_release_proposed_by = models.ForeignKey(
        "accounts.User", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return show_id(IdKind.ORGANIZATION, self.id)


class OrganizationLogo(models.Model):
    """The picture of an organization, drawn anew from what was uploaded."""

    organization = models.OneToOneField(Organization, primary_key=True, on_delete=models.CASCADE, related_name="logo")
    content = models.BinaryField(max_length=1_048_576)
    digest = models.CharField(max_length=64)
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()

    def __str__(self) -> str:
        return f"logo of {self.organization_id}"


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """A person, known by an e-mail address."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    must_change_password = models.BooleanField(default=False)
    failed_attempts = models.PositiveIntegerField(default=0)
    """Wrong passwords and codes since the last right one; kept here as well, because Valkey may be emptied."""
    locked_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    tour_shown_at = models.DateTimeField(null=True)
    """When the welcome tour came by itself, which it does once."""
    tour_step = models.PositiveSmallIntegerField(default=1)
    """The step with which it goes on."""

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(Lower("email"), name="user_email_case_insensitive")]

    def __str__(self) -> str:
        return self.email

    @property
    def public_id(self) -> str:
        return show_id(IdKind.USER, self.id)


class Role(models.TextChoices):
    """What a membership may do; the table itself is `accounts.permissions`."""

    ADMIN = "admin", _("Admin")
    MANAGER = "manager", _("Manager")
    MEMBER = "member", _("Member")
    VIEWER = "viewer", _("Viewer")


class Membership(models.Model):
    """One person's place in one organization."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices)
    alert_choices = models.JSONField(default=dict)
    """Where the person chose otherwise than the organization, for each alert and channel: see `accounts.alerts`."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "user"], name="membership_once_per_organization")
        ]

    def __str__(self) -> str:
        return f"{self.user} as {self.role} of {self.organization}"


class UserSession(models.Model):
    """One browser in which a person is signed in to one organization. It ends with its row, and with the membership."""

    class Method(models.TextChoices):
        PASSWORD = "password", _("Password")
        PASSKEY = "passkey", _("Passkey")
        GOOGLE = "google", _("Google")
        MICROSOFT = "microsoft", _("Microsoft")
        OIDC = "oidc", _("Oidc")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="sessions")
    method = models.CharField(max_length=16, choices=Method.choices)
    second_factor = models.CharField(max_length=16, blank=True)
    """`passkey`, `totp` or `recovery_codes`; empty where none was asked for."""
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    proved_at = models.DateTimeField()
    """When the person last proved who they are; critical changes ask again after a quarter of an hour."""
    address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"{self.membership} by {self.method}"

    @property
    def public_id(self) -> str:
        return show_id(IdKind.SESSION, self.id)


class Invitation(models.Model):
    """An offer of one role in one organization to one address, good for one person, once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=16, choices=Role.choices)
    message = models.TextField(blank=True)
    invited_by = models.ForeignKey(Membership, null=True, on_delete=models.SET_NULL, related_name="+")
    digest = models.BinaryField(max_length=32, unique=True)
    mail = models.ForeignKey(OutgoingMail, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                "organization",
                Lower("email"),
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="invitation_open_once_per_address",
            )
        ]

    def __str__(self) -> str:
        return f"{self.email} as {self.role} of {self.organization_id}"

    @property
    def public_id(self) -> str:
        return show_id(IdKind.INVITATION, self.id)


class Team(models.Model):
    """A named group of an organization's people."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="teams")
    name = models.CharField(max_length=200)
    members = models.ManyToManyField(Membership, related_name="teams", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("organization", Lower("name"), name="team_name_once_per_organization")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return show_id(IdKind.TEAM, self.id)


class SavedView(models.Model):
    """A list as somebody wants to see it again: filters, order and columns, under a name.

    It is its owner's, and everybody's once it is shared; a shared one outlives its owner's membership.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="saved_views")
    owner = models.ForeignKey(Membership, null=True, on_delete=models.SET_NULL, related_name="saved_views")
    list_name = models.CharField(max_length=40)
    """The name of an `aim.console.list_kinds.ListKind`."""
    name = models.CharField(max_length=80)
    query = models.TextField(blank=True)
    """As `ListKind.query_of` writes it."""
    columns = models.JSONField(default=list)
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("owner", "list_name", Lower("name"), name="saved_view_name_once_per_person")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return show_id(IdKind.SAVED_VIEW, self.id)


class ListPreference(models.Model):
    """How one person wants to find a list: with these columns, and beginning with this view."""

    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="list_preferences")
    list_name = models.CharField(max_length=40)
    columns = models.JSONField(null=True)
    """None is the list's usual columns."""
    default_view = models.ForeignKey(SavedView, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["membership", "list_name"], name="list_preference_once_per_person")
        ]

    def __str__(self) -> str:
        return f"{self.list_name} for {self.membership_id}"


class PersonalToken(models.Model):
    """A secret that acts for one person in one organization, with no more rights than its scopes and the role allow."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=200)
    prefix = models.CharField(max_length=16)
    digest = models.BinaryField(max_length=32, unique=True)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def public_id(self) -> str:
        return show_id(IdKind.TOKEN, self.id)


class AlertWebhook(models.Model):
    """Where an organization has alerts posted. The secret is encrypted at rest and never shown again."""

    organization = models.OneToOneField(
        Organization, primary_key=True, on_delete=models.CASCADE, related_name="alert_webhook"
    )
    url = models.CharField(max_length=500)
    secret = models.BinaryField()
    kinds = models.JSONField(default=list)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"webhook of {self.organization_id}"


class AlertCall(models.Model):
    """One alert on its way to a webhook. `once` is the entry it tells of, in hex; None for a test."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=40)
    body = models.JSONField()
    once = models.CharField(max_length=32, null=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "once"], name="alert_call_once_an_entry")
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_try_at"], condition=models.Q(status="waiting"), name="alert_call_waiting")
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.organization_id}: {self.status}"

    @property
    def call_id(self) -> str:
        """Names the call to its receiver, so that a second delivery is seen as such."""
        return f"alert-{self.id.hex}"
