"""What may go wrong with people and their rights."""

from django.utils.translation import gettext as _

from aim.errors import ConflictError, Problem, ServiceError


class PermissionDeniedError(ServiceError):
    status = 403
    code = "permission_denied"

    def __init__(self, permission: str) -> None:
        super().__init__(_("Insufficient permissions: %(permission)s is needed.") % {"permission": permission})
        self.permission = permission


class LastAdminError(ConflictError):
    code = "last_admin"

    def __init__(self) -> None:
        super().__init__(_("An organization needs at least one admin. Make somebody else an admin first."))


class NameTakenError(ConflictError):
    code = "duplicate"

    def __init__(self, message: str) -> None:
        super().__init__(message, problems=(Problem("name", "duplicate", message),))


class AlreadyMemberError(ConflictError):
    code = "already_member"

    def __init__(self) -> None:
        super().__init__(_("This person is a member already."))


class ProofRequiredError(ServiceError):
    """The console asks for the password, the passkey or the code, and then does what was asked for."""

    status = 403
    code = "proof_required"

    def __init__(self) -> None:
        super().__init__(_("Confirm that it is you: sign in again, then repeat this."))


class WrongCredentialsError(ServiceError):
    """The same for an unknown e-mail address, a wrong password and a person without an organization."""

    status = 401
    code = "wrong_credentials"

    def __init__(self) -> None:
        super().__init__(_("The e-mail address and the password do not match."))


class WrongCodeError(ServiceError):
    status = 401
    code = "wrong_code"

    def __init__(self) -> None:
        super().__init__(_("This code is not valid. Codes change every 30 seconds, and each works once."))


class WrongPasskeyError(ServiceError):
    status = 401
    code = "wrong_passkey"

    def __init__(self) -> None:
        super().__init__(_("This passkey is not known here, or the request for it has expired."))


class SingleSignOnOnlyError(ServiceError):
    status = 403
    code = "single_sign_on_only"

    def __init__(self) -> None:
        super().__init__(_("Your organization signs in with single sign-on only. Use its button."))


class TooManyAttemptsError(ServiceError):
    status = 429
    code = "too_many_attempts"

    def __init__(self) -> None:
        super().__init__(_("Too many attempts. Wait a quarter of an hour, then try again."))


class SignInUnavailableError(ServiceError):
    status = 503
    code = "unavailable"

    def __init__(self) -> None:
        super().__init__(_("Signing in is not possible at the moment. Try again in a minute."))


class NoAccountError(ServiceError):
    """Somebody a provider vouches for, whom nobody has invited."""

    status = 403
    code = "no_account"

    def __init__(self, message: str) -> None:
        super().__init__(message)


class InvitationEndedError(ServiceError):
    """One answer for unknown, used, revoked, expired and withdrawn: the link tells nothing but that it has ended."""

    status = 410
    code = "invitation_ended"

    def __init__(self) -> None:
        super().__init__(_("This invitation has ended: it was used, withdrawn or has expired. Ask for a new one."))


class LinkEndedError(ServiceError):
    status = 410
    code = "link_ended"

    def __init__(self) -> None:
        super().__init__(_("This link has ended: it was used before, or is older than an hour. Ask for a new one."))


class WrongInvitationAddressError(ServiceError):
    status = 403
    code = "wrong_address"

    def __init__(self, invited: str, used: str) -> None:
        super().__init__(
            _("This invitation is for %(invited)s, and you signed in as %(used)s. Use the invited address.")
            % {"invited": invited, "used": used}
        )


class SeveralOrganizationsError(ConflictError):
    code = "several_organizations"

    def __init__(self) -> None:
        super().__init__(
            _("This person belongs to other organizations too, so that only the person or the operator may do this.")
        )


class SignInMethodNeededError(ConflictError):
    """A change that would lock out the person who makes it, or somebody else."""

    code = "sign_in_method_needed"

    def __init__(self, message: str) -> None:
        super().__init__(message)
