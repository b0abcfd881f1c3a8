#!/bin/sh
# An agent that asks AIM before it acts, with nothing but curl and openssl.
#
#     AIM_TOKEN=aimp_… sh docs/examples/agent.sh
#
# AIM_TOKEN is a person's API token (`make up` shows one at its first start); AIM_URL is http://127.0.0.1:8000 if not set.
# Prints one line for each step, and ends with 1 as soon as an answer is not the expected one.
set -eu
umask 077

AIM_URL=${AIM_URL:-http://127.0.0.1:8000}
AUTHORITY=$(printf %s "${AIM_URL#*://}" | tr '[:upper:]' '[:lower:]')
: "${AIM_TOKEN:?Set AIM_TOKEN to a personal API token (aimp_...).}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# --- 1. HTTP: JSON out, JSON in. Secrets go by files, for the arguments of a program can be read by others -----------

# call METHOD PATH: sends $work/body with the headers in $work/bearer and $work/signature; the answer is in $work/answer.
call() {
    status=$(curl -sS -m 30 -X "$1" "$AIM_URL$2" -H "@$work/bearer" -H "@$work/signature" \
        -H 'Content-Type: application/json' --data-binary "@$work/body" \
        -D "$work/headers" -o "$work/answer" -w '%{http_code}')
}

use_secret() { printf 'Authorization: Bearer %s\n' "$1" >"$work/bearer"; }
body() { printf %s "$1" >"$work/body"; }
unsigned() { : >"$work/signature"; }

# member NAME: a text or number of the answer's outermost object. What is nested is folded away first.
member() {
    tr -d '\n' <"$work/answer" | sed -E \
        -e ':lists' -e 's/\[[^][]*\]/null/' -e 't lists' \
        -e ':objects' -e 's/(.)\{[^{}]*\}/\1null/' -e 't objects' | first_of "$1"
}

# nested NAME: the first text of this name anywhere in the answer.
nested() { tr -d '\n' <"$work/answer" | first_of "$1"; }

first_of() { grep -oE "\"$1\" ?: ?(\"[^\"]*\"|[^],}\"]+)" | head -n 1 | sed -E -e 's/^"[^"]*" ?: ?"?//' -e 's/"$//'; }

# expect STATUS [NAME VALUE]...
expect() {
    wanted="$*"
    fits=yes
    [ "$status" = "$1" ] || fits=no
    shift
    while [ $# -gt 0 ]; do
        [ "$(member "$1")" = "$2" ] || fits=no
        shift 2
    done
    [ $fits = yes ] || { echo "Expected $wanted, but the answer is $status $(cat "$work/answer")" >&2; exit 1; }
}

say() { printf '%-13s %s\n' "$1" "$2"; }

# --- 2. The signature of a request: RFC 9421 over the method, the host, the path and the digest of the body ----------

base64_line() { openssl base64 -A; }

# sign METHOD PATH: signs a request with $work/body for one minute, with a nonce that is used for nothing else.
sign() {
    digest="sha-256=:$(openssl dgst -sha256 -binary "$work/body" | base64_line):"
    created=$(date +%s)
    parameters="(\"@method\" \"@authority\" \"@path\" \"content-digest\");created=$created;expires=$((created + 60))"
    parameters="$parameters;nonce=\"$(openssl rand -hex 16)\";keyid=\"$keyid\";tag=\"aim-verify\""
    signature=$(printf '"@method": %s\n"@authority": %s\n"@path": %s\n"content-digest": %s\n"@signature-params": %s' \
        "$1" "$AUTHORITY" "$2" "$digest" "$parameters" | openssl dgst -sha256 -sign "$work/key.pem" | base64_line)
    printf 'Content-Digest: %s\nSignature-Input: aim=%s\nSignature: aim=:%s:\n' \
        "$digest" "$parameters" "$signature" >"$work/signature"
}

# --- 3. The agent ----------------------------------------------------------------------------------------------------

# register CALLS_PER_HOUR: with a person's token. The agent is pending: it may not do anything yet.
register() {
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/key.pem" 2>/dev/null
    pem=$(openssl pkey -in "$work/key.pem" -pubout | awk '{printf "%s\\n", $0}')
    body "{\"name\": \"example-shell-$(openssl rand -hex 4)\", \"display_name\": \"Example in shell\",
        \"agent_type\": \"ai_agent\", \"version\": \"1.0.0\",
        \"capabilities\": [\"file_system.read\"], \"resource_scope\": [\"/app/**\"],
        \"require_approval\": [\"file_read:/app/payroll/**\"], \"limits\": {\"calls_per_hour\": $1},
        \"require_signature\": true, \"public_key\": \"$pem\"}"
    use_secret "$AIM_TOKEN"
    unsigned
    call POST /api/v1/agents
    expect 201 status pending
    agent_id=$(member id)
    keyid=$(nested thumbprint)
    use_secret "$(member api_key)" # From here on the agent speaks for itself; AIM shows its API key this once.
}

# prove: signs the statement that AIM makes up; from then on the agent is verified.
prove() {
    body '{}'
    unsigned
    call POST "/api/v1/agents/$agent_id/challenge"
    expect 201
    challenge_id=$(member id)
    printf '%b' "$(member statement)" >"$work/statement"
    # Sign only what says what it is for: a challenge of AIM, about this very agent.
    grep -qx 'aim-challenge-v1' "$work/statement" && grep -qx "subject: $agent_id" "$work/statement" ||
        { echo "This is no challenge for $agent_id" >&2; exit 1; }
    body "{\"signature\": \"$(openssl dgst -sha256 -sign "$work/key.pem" "$work/statement" | base64_line)\"}"
    call POST "/api/v1/agents/$agent_id/challenge/$challenge_id/response"
    expect 200 status verified
}

action() {
    body "{\"agent_id\": \"$agent_id\", \"action_type\": \"$1\", \"resource\": \"$2\",
        \"context\": {\"user_id\": \"usr_123\", \"session_id\": \"sess_456\"}}"
}

# ask ACTION RESOURCE: only "approved": true is leave to act; everything else, and no answer at all, is not.
ask() {
    action "$1" "$2"
    sign POST /api/v1/verify/action
    call POST /api/v1/verify/action
}

# follow ID: waits until a pending request is decided. Each question is answered after 20 seconds at the latest.
follow() {
    body ''
    unsigned
    while call GET "/api/v1/verify/$1?wait=20" && [ "$status" = 200 ] && [ "$(member status)" = pending ]; do :; done
}

# report ID MILLISECONDS: tells what came of an approved action, once, before the approval expires.
report() {
    body "{\"status\": \"success\", \"duration_ms\": $2, \"bytes\": 512}"
    sign POST "/api/v1/verify/$1/complete"
    call POST "/api/v1/verify/$1/complete"
}

# --- 4. The proof: SHA-256 up a Merkle tree (RFC 6962) to a root that is signed (c2sp.org/signed-note) ----------------

sha256() { openssl dgst -sha256 -binary; }
fail() { echo "$1" >&2; exit 1; }

# text NAME: a text of the answer that may hold quotes and backslashes itself, as it was before it became JSON.
text() {
    tr -d '\n' <"$work/answer" | grep -oE "\"$1\" ?: ?\"([^\"\\\\]|\\\\.)*\"" | head -n 1 |
        sed -E -e 's/^"[^"]*" ?: ?"//' -e 's/"$//' -e 's/\\(.)/\1/g'
}

# lines NAME: likewise, for a text of several lines without quotes.
lines() { printf '%b' "$(member "$1")"; }

# bytes HEX
bytes() {
    rest=$1
    while [ -n "$rest" ]; do
        printf "\\$(printf %03o "0x${rest%"${rest#??}"}")"
        rest=${rest#??}
    done
}

# open_checkpoint: ends the program unless one of the ledger's keys has signed $work/checkpoint.
open_checkpoint() {
    # What is signed ends before the empty line. The signature stands behind four bytes that tell the key.
    sed '/^$/,$d' "$work/checkpoint" >"$work/signed"
    grep -oE '"key" ?: ?"[^"]*"' "$work/answer" | sed -E -e 's/^"key" ?: ?"//' -e 's/"$//' >"$work/keys"
    while IFS= read -r key; do
        name=${key%%+*} identity=${key#*+}
        encoded=${identity#*+} identity=${identity%%+*}
        # The public key as openssl reads it: what every Ed25519 key begins with (RFC 8410), and its 32 bytes.
        { printf '\060\052\060\005\006\003\053\145\160\003\041\000'
            printf %s "$encoded" | openssl base64 -d -A | tail -c +2; } >"$work/public.der"
        sed -n "s|^— $name ||p" "$work/checkpoint" >"$work/signatures"
        while IFS= read -r line; do
            printf %s "$line" | openssl base64 -d -A >"$work/raw"
            [ "$(od -An -tx1 -N4 "$work/raw" | tr -d ' \n')" = "$identity" ] || continue
            tail -c +5 "$work/raw" >"$work/ed25519"
            openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/public.der" -rawin -in "$work/signed" \
                -sigfile "$work/ed25519" >"$work/said" 2>&1 && [ "$(head -n 1 "$work/signed")" = "$name" ] && return
        done <"$work/signatures"
    done <"$work/keys"
    fail 'The checkpoint is not signed by a key of the ledger.'
}

# climb INDEX SIZE: from the leaf in $work/found up to the root, along the hashes in $work/path (RFC 9162, 2.1.3.2).
climb() {
    index=$1 last=$(($2 - 1))
    while IFS= read -r step; do
        printf %s "$step" | openssl base64 -d -A >"$work/step"
        if [ $((index & 1)) = 1 ] || [ "$index" = "$last" ]; then
            { printf '\001'; cat "$work/step" "$work/found"; } | sha256 >"$work/node"
            while [ $((index & 1)) = 0 ] && [ "$index" != 0 ]; do index=$((index >> 1)) last=$((last >> 1)); done
        else
            { printf '\001'; cat "$work/found" "$work/step"; } | sha256 >"$work/node"
        fi
        mv "$work/node" "$work/found"
        index=$((index >> 1)) last=$((last >> 1))
    done <"$work/path"
}

# verify_the_proof ID: fetches the proof of a decision, and believes nothing of it but the ledger's key.
verify_the_proof() {
    body ''
    unsigned
    # It is there some seconds after the decision.
    while call GET "/api/v1/verifications/$1/proof" && [ "$status" = 409 ]; do sleep 2; done
    expect 200
    lines tlog_proof >"$work/proof"
    text entry | tr -d '\n' >"$work/entry"
    salt=$(tr -d '\n' <"$work/answer" | sed -E 's/.*"data\.action\.personal" ?: ?\{ ?"salt" ?: ?"([0-9a-f]{32})".*/\1/')
    tr -d '\n' <"$work/answer" | sed -E 's/.*"data\.action\.personal"/{/' >"$work/rest"
    mv "$work/rest" "$work/answer"
    text value | tr -d '\n' >"$work/action"
    # The proof as one text: two lines, the path, an empty line, and the checkpoint with its signatures.
    sed -n 's/^index //p' "$work/proof" | head -n 1 >"$work/index"
    sed -e 1,2d -e '/^$/,$d' "$work/proof" >"$work/path"
    sed '1,/^$/d' "$work/proof" >"$work/checkpoint"
    # A real agent has got the key at another time, by another way.
    call GET /api/v1/ledger/keys
    expect 200
    open_checkpoint
    index=$(cat "$work/index") size=$(sed -n 2p "$work/signed")
    { printf '\000'; cat "$work/entry"; } | sha256 >"$work/found"
    climb "$index" "$size"
    [ "$(base64_line <"$work/found")" = "$(sed -n 3p "$work/signed")" ] ||
        fail 'The decision is not in the ledger that was signed.'
    grep -qF "\"id\":\"${1#ver_}\"" "$work/entry" || fail 'The proof is of something else.'
    committed=$({ bytes "$salt"; cat "$work/action"; } | openssl dgst -sha256 | sed 's/.* //')
    grep -qF "\"personal\":{\"fields\":[\"parameters\",\"resource\"],\"sha256\":\"$committed\"}" "$work/entry" ||
        fail 'What is disclosed of the action is not what was sealed.'
    was=$(grep -oE '"decision":\{[^}]*' "$work/entry" | first_of status)
    say proved "$(first_of resource <"$work/action") was $was: entry $(cat "$work/index") of $size,\
 checkpoint $(sed -n 's/^aim //p' "$work/signed")"
}

# --- 5. The story ----------------------------------------------------------------------------------------------------

register 1000
say registered "$agent_id is pending"
prove
say proved "$(member name) is verified, trust $(member trust_score | sed 's/\.0*$//')"

ask file_read /app/config/config.json
expect 200 approved true status approved
verification_id=$(member verification_id)
first_id=$verification_id
say approved "file_read /app/config/config.json as $verification_id"
report "$verification_id" 15
expect 200 status success
say completed "$verification_id success, 15 ms"
report "$verification_id" 15
expect 409
say 'only once' "$(member detail)"

ask file_delete /app/config/backup.json
expect 403 approved false code capability_missing reason 'Missing capability: file_delete'
say denied "file_delete /app/config/backup.json: $(member reason)"
ask file_read /app/../etc/passwd
expect 403 approved false code out_of_scope reason 'Resource out of scope'
say 'out of scope' "file_read /app/../etc/passwd: $(member reason)"
ask file_read /app/payroll/2026-11.csv
expect 202 approved false status pending code approval_required
say pending "file_read /app/payroll/2026-11.csv: $(member reason) by $(member expires_at)"

# A person decides in the console or, as here, by a token. The request for approval has the digits of the decision.
verification_id=$(member verification_id)
approval_id=apr_${verification_id#ver_}
cp "$work/bearer" "$work/agent"
use_secret "$AIM_TOKEN"
body '{"mode": "once"}'
unsigned
call POST "/api/v1/approvals/$approval_id/approve"
expect 200 status approved
say decided "a person approves $approval_id, once"
cp "$work/agent" "$work/bearer"
follow "$verification_id"
expect 200 approved true status approved
say approved "file_read /app/payroll/2026-11.csv as $verification_id"
report "$verification_id" 20
expect 200 status success
say completed "$verification_id success, 20 ms"

# One signed request sent twice, as after a lost answer: one decision, told twice.
ask file_read /app/README.md
expect 200 approved true
first=$(cat "$work/answer")
call POST /api/v1/verify/action
expect 200 approved true
[ "$(cat "$work/answer")" = "$first" ] || { echo "The replay has another answer: $(cat "$work/answer")" >&2; exit 1; }
say replayed "the same request has the same answer, $(member verification_id)"
action file_read /app/LICENSE
call POST /api/v1/verify/action
expect 403 code signature_invalid reason 'Invalid signature'
say altered "the same signature over another body: $(member reason)"

# A second agent uses up its few calls. The limit is of the clock hour, so a new hour may begin meanwhile.
register 3
prove
asked=0
while ask file_list /app && [ "$status" = 200 ] && [ $asked -lt 6 ]; do asked=$((asked + 1)); done
expect 429 approved false code rate_limited reason 'Rate limit exceeded' retryable true
retry_after=$(tr -d '\r' <"$work/headers" | sed -n 's/^[Rr]etry-[Aa]fter: *//p')
[ "${retry_after:-0}" -gt 0 ] || { echo 'The refusal has no Retry-After.' >&2; exit 1; }
say 'rate limited' "$(member reason): 3 calls an hour, again in $retry_after s"

# The first agent again: its decision stands in the ledger, and the ledger as it was signed holds it.
cp "$work/agent" "$work/bearer"
verify_the_proof "$first_id"
