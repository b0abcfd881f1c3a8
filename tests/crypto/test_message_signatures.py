import hashlib
import re
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from aim.crypto import message_signatures
from aim.crypto.content_digest import content_digest
from aim.crypto.message_signatures import (
    NONCE_LIFETIME,
    TAG,
    ParsedSignature,
    SignatureProblem,
    check_signature,
    read_any,
    read_signature,
    read_usual,
)
from aim.crypto.signature_base import SignedMessage, signature_base, unique_fields
from aim.crypto.signing import Signer, sign_message, sign_request
from aim.crypto.verifiers import Verifier
from tests.crypto import keys, rfc9421

pytestmark = pytest.mark.requirement("W4.2")
NOW = 1_800_000_000
BODY = b'{"agent_id": "agt_018f", "action_type": "file_read"}'
NONCE = "AAAAAAAAAAAAAAAAAAAAAA"
COVERED = ("@method", "@authority", "@path", "content-digest")
BARE = SignedMessage(
    "POST", "https", b"aim.example", b"/api/v1/verify/action", b"", [(b"content-type", b"application/json")], BODY
)


def with_headers(message, *headers):
    return message._replace(headers=[*message.headers, *headers])


def without(message, name):
    return message._replace(headers=[header for header in message.headers if header[0] != name])


def replaced(message, name, value):
    return with_headers(without(message, name), (name, value))


def signed(message=BARE, *, key_type="ed25519", covered=COVERED, digest=None, **kwargs):
    message = with_headers(message, (b"content-digest", (digest or content_digest(message.body)).encode()))
    kwargs = {"created": NOW, "nonce": NONCE, **kwargs}
    names, signature = sign_message(keys.signer(key_type), message, covered, **kwargs)
    return with_headers(message, (b"signature-input", names.encode()), (b"signature", signature.encode()))


def signed_with(parameters, *, message=BARE, label="a", key_type="ed25519"):
    """A request whose signature parameters are any text; the signature over it is genuine."""
    message = with_headers(message, (b"content-digest", content_digest(message.body).encode()))
    covered = re.findall(r'"([^" ]*)"[^ ]*(?= |\))', parameters.partition(")")[0] + ")")
    try:
        base = signature_base(message, tuple(covered), parameters)
    except ValueError:
        base = b""
    signature = b64encode(keys.signer(key_type).sign(base)).decode()
    return with_headers(
        message,
        (b"signature-input", f"{label}={parameters}".encode()),
        (b"signature", f"{label}=:{signature}:".encode()),
    )


def parse(message):
    parsed = read_signature(message)
    assert isinstance(parsed, ParsedSignature)
    return parsed


def indexed(message):
    """The message as a quick lane hands it over: its headers by name too, where no name comes twice."""
    return message._replace(fields=unique_fields(message.headers))


def verdict(message, **kwargs):
    plain, quick = judged(message, **kwargs), judged(indexed(message), **kwargs)
    assert plain == quick
    return plain


def judged(message, *, key_type="ed25519", now=NOW, **kwargs):
    parsed = read_signature(message)
    if isinstance(parsed, SignatureProblem):
        return parsed
    return check_signature(parsed, message, keys.verifier(key_type), now=now, **kwargs)


def code(message, **kwargs):
    problem = verdict(message, **kwargs)
    assert problem is None or problem.detail.endswith(".") or problem.code == "signature_invalid"
    return problem and problem.code


def parameters(covered=COVERED, **changes):
    values = {
        "created": str(NOW),
        "expires": str(NOW + 60),
        "nonce": f'"{NONCE}"',
        "keyid": f'"{keys.signer().keyid}"',
        "tag": '"aim-verify"',
        **changes,
    }
    names = " ".join(f'"{name}"' for name in covered)
    return f"({names})" + "".join(f";{name}={value}" for name, value in values.items() if value is not None)


@pytest.mark.parametrize(
    ("key_type", "algorithm"),
    [("ed25519", None), ("ed25519", "ed25519"), ("ecdsa-p256", None), ("ecdsa-p256", "ecdsa-p256-sha256"),
     ("rsa", None), ("rsa", "rsa-v1_5-sha256"), ("rsa", "rsa-pss-sha512")],
)  # fmt: skip
def test_a_signed_request_is_accepted(key_type, algorithm):
    message = signed(key_type=key_type, algorithm=algorithm)
    parsed = parse(message)
    assert (parsed.components, parsed.created, parsed.expires) == (COVERED, NOW, NOW + 60)
    assert (parsed.nonce, parsed.keyid, parsed.algorithm) == (NONCE, keys.info(key_type).thumbprint, algorithm)
    assert verdict(message, key_type=key_type) is None
    other = next(other for other in keys.KEY_TYPES if other != key_type)
    assert code(message, key_type=other) == "signature_invalid"


def test_our_helper_for_raw_parameters_signs_genuinely():
    assert verdict(signed_with(parameters())) is None


@pytest.mark.parametrize("label", ["sig1", "a", "*x", "pyhms", "a-b_c.d*"])
def test_any_label_will_do(label):
    assert verdict(signed(label=label)) is None


QUERY = BARE._replace(query=b"a=1&b=2")
ALL_DERIVED = (*COVERED, "@query", "@target-uri", "@scheme", "@request-target", "content-type")


@pytest.mark.parametrize(
    ("covered", "base"),
    [(COVERED, BARE), (COVERED[::-1], BARE), (ALL_DERIVED, BARE), (ALL_DERIVED, QUERY), ((*COVERED, "@query"), QUERY)],
)
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("@method", {"method": "GET"}),
        ("@authority", {"authority": b"evil.example"}),
        ("@authority", {"authority": b"aim.example:8443"}),
        ("@path", {"path": b"/api/v1/verify/actiom"}),
        ("@path", {"path": b"/api/v1/verify/action/"}),
        ("@path", {"path": b"/api/v1/verify/%61ction"}),
        ("content-digest", {"body": BODY + b" "}),
        ("content-digest", {"body": b""}),
        ("@query", {"query": b"a=1&b=3"}),
        ("@query", {"query": b"b=2&a=1"}),
        ("@scheme", {"scheme": "http"}),
    ],
)
def test_every_change_of_what_is_covered_is_noticed(covered, base, name, change):
    message = signed(base, covered=covered)
    assert verdict(message) is None
    if name in covered or name == "@query":
        assert code(message._replace(**change)) == "signature_invalid"


def test_a_covered_header_must_stay_and_keep_its_lines_in_order():
    base = with_headers(BARE, (b"x-list", b" one "), (b"x-list", b"two"), (b"x-empty", b""))
    message = signed(base, covered=(*COVERED, "x-list", "x-empty"))
    assert verdict(message) is None
    joined = message._replace(headers=[(b"x-list", b"one, two"), *without(message, b"x-list").headers])
    assert verdict(joined) is None
    assert code(without(message, b"x-list")) == "signature_invalid"
    assert code(without(message, b"x-empty")) == "signature_invalid"
    assert code(message._replace(headers=message.headers[::-1])) == "signature_invalid"


@pytest.mark.parametrize("missing", COVERED)
def test_each_required_component_must_be_covered(missing):
    problem = verdict(signed(covered=tuple(name for name in COVERED if name != missing)))
    assert problem.code == "signature_invalid"
    assert missing in problem.detail


def test_the_query_must_be_covered_when_there_is_one():
    assert "@query" in verdict(signed(QUERY)).detail
    # A signature made for a request without query must not vouch for one with a query.
    assert code(signed()._replace(query=b"x")) == "signature_invalid"
    assert verdict(signed(covered=(*COVERED, "@query"))) is None


NAMES = " ".join(f'"{name}"' for name in COVERED)


@pytest.mark.parametrize(
    "covered",
    [f'({NAMES} "@method")', f'({NAMES} "@status")', f'({NAMES} "@query-param")', f'({NAMES} "@signature-params")',
     f'({NAMES} "Content-Type")', f'({NAMES} "content-type";sf)', f'({NAMES} "content-type";bs)',
     f'({NAMES} "content-type";key="a")', f'({NAMES} "@path";req)', f'({NAMES} "content-type";tr)',
     f'({NAMES} "@query-param";name="a")', "()", '("")', f'({NAMES} "")', f"({NAMES} )", f"( {NAMES})",
     f'({NAMES}  "content-type")', f"({NAMES} token)", f"({NAMES} 1)", f"({NAMES} ?1)", f"({NAMES} :YQ==:)",
     f'({NAMES} "a b")', f'({NAMES} "a\\"b")', f'({NAMES} "x:y")', f'({NAMES}"content-type")',
     f'({NAMES}\t"content-type")', f"({NAMES} " + " ".join(f'"h{n}"' for n in range(40)) + ")", f"({NAMES}", NAMES],
)  # fmt: skip
def test_other_covered_components_are_refused(covered):
    message = with_headers(BARE, *((f"h{n}".encode(), b"") for n in range(40)))
    text = covered + parameters(())[2:]
    assert code(signed_with(text, message=message)) == "signature_invalid"


@pytest.mark.parametrize(
    "change",
    [
        {"created": None}, {"expires": None}, {"nonce": None}, {"keyid": None},
        {"created": f'"{NOW}"'}, {"created": f"{NOW}.0"}, {"created": f"0{NOW}"}, {"created": f"@{NOW}"},
        {"created": f"-{NOW}"}, {"created": "1" * 15}, {"created": "1" * 400}, {"created": "?1"}, {"created": "1e9"},
        {"expires": str(NOW)}, {"expires": str(NOW - 1)}, {"expires": str(NOW + 61)}, {"expires": "9" * 12},
        {"nonce": '""'}, {"nonce": '"' + "A" * 21 + '"'}, {"nonce": '"' + "A" * 129 + '"'}, {"nonce": NONCE},
        {"nonce": '"' + "A" * 21 + '!"'}, {"nonce": f'"{NONCE}==="'}, {"nonce": f":{NONCE}==:"},
        {"nonce": '"=' + NONCE + '"'}, {"keyid": '""'}, {"keyid": '"unknown"'}, {"keyid": '"' + "k" * 201 + '"'},
        {"keyid": '"a b"'}, {"keyid": '"a\\"b"'}, {"keyid": "token"}, {"alg": '""'}, {"alg": '"none"'},
        {"alg": '"hmac-sha256"'}, {"alg": '"rsa-v1_5-sha256"'}, {"alg": '"ecdsa-p256-sha256"'}, {"alg": '"ED25519"'},
        {"alg": "ed25519"}, {"extra": '"1"'}, {"Created": "1"},
    ],
)  # fmt: skip
def test_other_parameters_are_refused(change):
    assert code(signed_with(parameters(**change))) == "signature_invalid"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (";nonce", f";created={NOW};nonce"), (";nonce", ";created=1;nonce"), (";nonce", " ;nonce"),
        (";nonce", "; nonce"),
        (";tag", ';tag="aim-verify";tag'), (";tag", ';tag="other";tag'), (";nonce", ";nonce;nonce"),
        (";created", ";;created"),
        (";nonce=", ";nonce ="), (";nonce=", ";nonce= "),
    ],
)  # fmt: skip
def test_repeated_and_spaced_parameters_are_refused(old, new):
    assert code(signed_with(parameters().replace(old, new, 1))) == "signature_invalid"


@pytest.mark.parametrize("nonce", [NONCE, NONCE + "==", "-_+/" * 6, "A" * 128, "0123456789abcdef" * 2])
def test_nonces_of_enough_characters_are_accepted(nonce):
    assert verdict(signed(nonce=nonce)) is None


@pytest.mark.parametrize("key_type", keys.KEY_TYPES)
def test_parameters_in_another_order_are_good_only_if_signed_so(key_type):
    text = parameters(keyid=f'"{keys.signer(key_type).keyid}"')
    names, created, *others = text.split(";")
    reordered = ";".join([names, *others, created])
    assert verdict(signed_with(reordered, key_type=key_type), key_type=key_type) is None
    moved = replaced(signed_with(text, key_type=key_type), b"signature-input", f"a={reordered}".encode())
    assert code(moved, key_type=key_type) == "signature_invalid"


def test_components_in_another_order_are_another_signature():
    message = signed()
    text = dict(message.headers)[b"signature-input"]
    swapped = text.replace(b'"@method" "@authority"', b'"@authority" "@method"')
    assert swapped != text
    assert code(replaced(message, b"signature-input", swapped)) == "signature_invalid"


@pytest.mark.requirement("W4.2")
@pytest.mark.parametrize(
    ("age", "expected"),
    [(-31, "signature_expired"), (-30.5, "signature_expired"), (-30, None), (-29, None), (0, None), (60, None),
     (89, None), (90, None), (90.5, "signature_expired"), (91, "signature_expired"), (10**9, "signature_expired"),
     (float("nan"), "signature_expired"), (float("-inf"), "signature_expired"), (float("inf"), "signature_expired")],
)  # fmt: skip
def test_the_window_ends_to_the_second(age, expected):
    assert code(signed(), now=NOW + age) == expected


def test_nonces_outlast_every_window_in_which_a_signature_is_accepted():
    accepted = [age for age in range(-500, 500) if verdict(signed(), now=NOW + age) is None]
    assert accepted[-1] - accepted[0] < NONCE_LIFETIME
    with pytest.raises(ValueError, match="longer than nonces"):
        verdict(signed(), max_lifetime=message_signatures.NONCE_LIFETIME, skew=1)


def test_narrower_windows_can_be_asked_for():
    assert code(signed(), max_lifetime=59) == "signature_invalid"
    assert code(signed(), skew=0, now=NOW - 1) == "signature_expired"


@pytest.mark.parametrize("name", [b"signature-input", b"signature"])
def test_absent_and_empty_headers(name):
    message = signed()
    expected = "signature_missing" if name == b"signature-input" else "signature_invalid"
    assert code(without(message, name)) == expected
    assert code(replaced(message, name, b"")) == "signature_invalid"
    assert code(BARE) == "signature_missing"


def both(first, second):
    return with_headers(
        first,
        *((name, value) for name, value in second.headers if name in {b"signature-input", b"signature"}),
    )


def test_a_signature_with_another_tag_is_ignored():
    ours = signed(label="ours")
    theirs = signed_with('("@query-param";name="x" "date");created=1;tag="web-bot-auth";x=?1;y=tok/en', label="theirs")
    assert verdict(both(ours, theirs)) is None
    assert verdict(both(theirs, ours)) is None
    assert code(theirs) == "signature_missing"
    assert code(signed_with(parameters(tag=None))) == "signature_missing"
    assert code(signed_with(parameters(tag="aim-verify"))) == "signature_missing"
    assert code(signed_with(parameters(tag='"AIM-VERIFY"'))) == "signature_missing"


def test_two_signatures_with_our_tag_or_one_label_twice_are_refused():
    assert code(both(signed(label="one"), signed(label="two"))) == "signature_invalid"
    theirs = signed_with('("date");tag="other"', label="aim")
    assert code(both(signed(), theirs)) == "signature_invalid"
    assert code(both(theirs, signed())) == "signature_invalid"


def test_the_signature_must_carry_the_label():
    message = signed(label="one")
    swapped = dict(message.headers)[b"signature"].replace(b"one=", b"two=")
    assert code(replaced(message, b"signature", swapped)) == "signature_invalid"
    assert verdict(with_headers(message, (b"signature", b"two=:YQ==:"))) is None


@pytest.mark.parametrize(
    "change",
    [lambda v: v.replace(b"=:", b"=", 1), lambda v: v.rstrip(b":"), lambda v: v + b",", lambda v: b"," + v,
     lambda v: v + b";x", lambda v: v.replace(b"==:", b":"), lambda v: v.replace(b"==:", b"=:"), lambda _: b"aim=::",
     lambda v: v.replace(b"=:", b"=: ", 1), lambda v: v.upper(), lambda v: v + b"\n", lambda v: v + b", " + v,
     lambda _: b"aim=:" + b"A" * 5000 + b":", lambda v: b"\xff" + v, lambda v: v.replace(b"aim", "ａim".encode()),
     lambda v: b'aim="' + v[5:-1] + b'"', lambda v: v.replace(b":", b"\0:"), lambda _: b"aim=:AAAA:"],
)  # fmt: skip
def test_other_forms_of_the_signature_header_are_refused(change):
    message = signed()
    value = change(dict(message.headers)[b"signature"])
    assert code(replaced(message, b"signature", value)) == "signature_invalid"


def test_loose_last_bits_of_base64_are_refused():
    message = signed()
    value = dict(message.headers)[b"signature"]
    digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = digits.index(value[-4])
    loose = value[:-4] + bytes([digits[last | 1]]) + b"==:"
    assert loose != value
    assert code(replaced(message, b"signature", loose)) == "signature_invalid"


def test_der_instead_of_r_and_s_is_refused():
    message = signed(key_type="ecdsa-p256")
    parsed = parse(message)
    base = signature_base(message, parsed.components, parsed.parameters)
    der = b64encode(keys.private_key("ecdsa-p256").sign(base, ECDSA(SHA256())))
    assert code(replaced(message, b"signature", b"aim=:" + der + b":"), key_type="ecdsa-p256") == "signature_invalid"


def test_pss_counts_only_where_alg_says_so():
    message = signed(key_type="rsa", algorithm="rsa-pss-sha512")
    parsed = parse(message)
    plain = signed_with(parameters(keyid=f'"{keys.signer("rsa").keyid}"'), key_type="rsa")
    bare = parse(plain)
    pss = keys.signer("rsa").sign(signature_base(plain, bare.components, bare.parameters), "rsa-pss-sha512")
    assert parsed.algorithm == "rsa-pss-sha512"
    value = b"a=:" + b64encode(pss) + b":"
    assert code(replaced(plain, b"signature", value), key_type="rsa") == "signature_invalid"


def test_the_key_record_decides_and_not_the_message():
    problem = verdict(signed_with(parameters(alg='"rsa-pss-sha512"')))
    assert "rsa-pss-sha512" in problem.detail
    assert verdict(signed(key_type="rsa"), key_type="ecdsa-p256").detail.startswith("The keyid")


SHA256_DIGEST = content_digest(BODY)
SHA512_DIGEST = content_digest(BODY, "sha-512")
WRONG_512 = f"sha-512=:{b64encode(hashlib.sha512(b'x').digest()).decode()}:"


@pytest.mark.parametrize(
    ("digest", "good"),
    [
        (SHA512_DIGEST, True), (f"{SHA256_DIGEST}, {SHA512_DIGEST}", True), (f"{SHA512_DIGEST},{SHA256_DIGEST}", True),
        (f"md5=:YQ==:, {SHA256_DIGEST}", True), (f"{SHA256_DIGEST}, {WRONG_512}", False), (WRONG_512, False),
        (f"{SHA256_DIGEST}, {SHA256_DIGEST}", False), ("md5=:YQ==:", False), ("sha-256=::", False), ("sha-256", False),
        (SHA256_DIGEST.replace("sha-256", "SHA-256"), False), (SHA256_DIGEST.replace("=:", ":", 1), False),
        (SHA256_DIGEST[:-1], False), (SHA256_DIGEST + ";x=1", False), (SHA256_DIGEST + ",", False),
        (SHA256_DIGEST.replace("=:", "=:A", 1), False), (SHA512_DIGEST.replace("512", "256"), False),
        (SHA256_DIGEST.replace("=:", "=: ", 1), False), (SHA256_DIGEST[:-2] + ":", False), ("x" * 5000, False),
        (f"sha-256=:{b64encode(hashlib.sha256(b'').digest()).decode()}:", False),
    ],
)  # fmt: skip
def test_content_digest_vouches_for_the_raw_body(digest, good):
    # The signature itself is genuine in each case: only the digest decides.
    assert code(signed(digest=digest)) == (None if good else "signature_invalid")


def test_content_digest_in_two_lines_is_one_list():
    base = with_headers(BARE, (b"content-digest", SHA512_DIGEST.encode()))
    assert verdict(signed(base)) is None
    again = with_headers(BARE, (b"content-digest", SHA256_DIGEST.encode()))
    assert code(signed(again)) == "signature_invalid"
    assert code(without(signed(), b"content-digest")) == "signature_invalid"


@pytest.mark.parametrize(
    ("signed_as", "sent_as"),
    [
        (("https", b"aim.example"), ("https", b"AIM.example:443")),
        (("http", b"aim.example:80"), ("http", b"aim.example")),
        (("https", b"[::1]:443"), ("https", b"[::1]")),
        (("HTTPS", b"aim.example"), ("https", b" aim.example ")),
    ],
)  # fmt: skip
def test_authorities_are_compared_in_normal_form(signed_as, sent_as):
    message = signed(BARE._replace(scheme=signed_as[0], authority=signed_as[1]))
    assert verdict(message._replace(scheme=sent_as[0], authority=sent_as[1])) is None


@pytest.mark.parametrize(
    "authority",
    [b"aim.example:80", b"aim.example:4430", b"xaim.example", b"", b"user@aim.example", b"aim.example/",
     b"aim.example,b", b"aim.example\n", b"aim.example\nx", b"a\xc3\xa4", b"a b", b"a" * 300],
)  # fmt: skip
def test_other_authorities_are_refused(authority):
    assert code(signed()._replace(authority=authority)) == "signature_invalid"


@pytest.mark.parametrize(
    "change",
    [{"path": b'/x\n"@query": ?'}, {"path": b"/x\r"}, {"path": b"/\xff"}, {"path": b"/\0"}, {"method": "PO\nST"},
     {"method": "P\N{LATIN CAPITAL LETTER O WITH DIAERESIS}ST"}, {"query": b"\n"}, {"query": b"\x7f"}],
)  # fmt: skip
def test_no_value_can_become_another_line(change):
    message = signed(covered=(*COVERED, "@query"))
    assert code(message._replace(**change)) == "signature_invalid"
    with pytest.raises(ValueError, match="characters"):
        signature_base(message._replace(**change), ("@method", "@path", "@query"), "()")


def test_a_line_break_in_a_covered_header_cannot_forge_a_component():
    message = with_headers(BARE, (b"x-a", b'1\n"x-b": 2'))
    with pytest.raises(ValueError, match="control characters"):
        signature_base(message, ("x-a",), "()")


def test_long_headers_are_refused():
    message = signed()
    text = dict(message.headers)[b"signature-input"]
    filler = b", " + b",".join(b"x%d=()" % n for n in range(1000))
    assert "longer" in verdict(replaced(message, b"signature-input", text + filler)).detail


@pytest.mark.parametrize(
    "text",
    ['a=("' + "x" * 4000, "a=(" + '"x" ' * 1000, "a=()" + ";a" * 2000, "a=()" + "; " * 2000, "a=(" + " " * 4000,
     "a=" + "(" * 4000, 'a=("' + "\\" * 4000, "a=()," * 800, "a=() " * 800, "a=(" + ":A" * 2000, "a" * 4096],
)  # fmt: skip
@pytest.mark.timeout(2)
def test_hostile_repetition_costs_little(text):
    message = replaced(signed(), b"signature-input", text.encode())
    for _ in range(50):
        assert code(message) in {"signature_invalid", "signature_missing"}


FRAGMENTS = st.sampled_from(
    ["a=", "sig=", '("@method"', ' "@path"', '"content-digest")', ";created=1", ";expires=2", ';tag="aim-verify"',
     ";nonce=", f'"{NONCE}"', ";keyid=", '"k"', ", ", ",", " ", ":", "YQ==", "()", "\\", '"', "\n", "\0",
     "é", ";", "=", "?1", "1.5"]
)  # fmt: skip
HOSTILE = st.one_of(st.lists(FRAGMENTS, max_size=25).map("".join).map(str.encode), st.binary(max_size=200))


@given(HOSTILE, HOSTILE, HOSTILE)
@settings(max_examples=400, deadline=None)
def test_hostile_headers_never_raise_and_never_verify(names, signature, digest):
    message = with_headers(BARE, (b"signature-input", names), (b"signature", signature), (b"content-digest", digest))
    assert isinstance(verdict(message), SignatureProblem)


@given(st.sampled_from([b"signature-input", b"signature", b"content-digest"]), st.data())
@settings(max_examples=400, deadline=None)
def test_no_changed_byte_of_the_three_headers_is_accepted(name, data):
    message = signed()
    value = bytearray(dict(message.headers)[name])
    at = data.draw(st.integers(0, len(value) - 1))
    value[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != value[at]))
    assert isinstance(verdict(replaced(message, name, bytes(value))), SignatureProblem)


def rfc_message():
    return SignedMessage(
        "POST", "https", b"example.com", b"/foo", b"param=Value&Pet=dog", rfc9421.REQUEST_HEADERS, rfc9421.BODY
    )


@pytest.mark.parametrize(
    ("pem", "algorithm", "components", "keyid", "signature"),
    [
        (rfc9421.RSA_B12, "rsa-pss-sha512", rfc9421.B23_COMPONENTS, rfc9421.B23_KEYID, rfc9421.B23),
        (rfc9421.ED25519_B14, "ed25519", rfc9421.B26_COMPONENTS, rfc9421.B26_KEYID, rfc9421.B26),
    ],
)
def test_the_base_is_that_of_rfc9421_appendix_b(pem, algorithm, components, keyid, signature):
    names = " ".join(f'"{name}"' for name in components)
    base = signature_base(rfc_message(), components, f'({names});created={rfc9421.CREATED};keyid="{keyid}"')
    assert Verifier.from_pem(pem).verify(signature, base, algorithm)


@given(
    st.lists(
        st.sampled_from(
            [
                *(
                    "created=1700000000",
                    "expires=1700000030",
                    "created=01",
                    "expires=x",
                    'tag="aim-verify"',
                    'tag="other"',
                ),
                *(
                    'nonce="AAAAAAAAAAAAAAAAAAAAAAAA"',
                    'nonce="short"',
                    'keyid="abc-_9"',
                    "keyid=5",
                    'alg="ed25519"',
                    "alg=1",
                ),
                *('extra="1"', "created=1700000001", 'keyid="a b"'),
            ]
        ),
        min_size=3,
        max_size=8,
    ),
    st.sampled_from(
        ['"@method" "@authority" "@path" "content-digest"', '"@method"', '"@path" "@path"', "", '"@method"  "@path"']
    ),
    st.sampled_from(["aim=:QUJD:", "aim=:QUJD", "aim=::", "aim=:QUJ=:", "other=:QUJD:", "aim=:QUJD:, b=:QUJD:"]),
    st.sampled_from([b"", b"a=1"]),
)
def test_the_quick_reader_reads_what_the_full_one_reads(parameters, components, signature, query):
    headers = [
        (b"signature-input", f"aim=({components});{';'.join(parameters)}".encode()),
        (b"signature", signature.encode()),
    ]
    message = indexed(SignedMessage("POST", "http", b"aim.example", b"/", query, headers, b""))
    quick = read_usual(message, TAG)
    if quick is not None:
        assert quick == read_any(message, TAG)


def test_the_quick_reader_reads_what_our_own_clients_write():
    signed = sign_request(Signer(Ed25519PrivateKey.generate()), "POST", "http://aim.example/x", body=b"{}")
    headers = [(name.lower().encode(), value.encode()) for name, value in signed.items()]
    message = indexed(SignedMessage("POST", "http", b"aim.example", b"/x", b"", headers, b"{}"))
    assert read_usual(message, TAG) == read_any(message, TAG) is not None
