#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# leadd as a service under a real systemd: installs with `make install`, boots a container, starts the unit, drops a file, reads the lead and
# the journal by field, kills the daemon and sees it come back, reloads, and tries the socket as a stranger.
# Needs root and systemd-nspawn; otherwise it says so and exits with 77.
set -eu
cd "$(dirname "$0")/../.."

skip() {
        echo "no system test: $1"
        exit 77
}
[ "$(id -u)" -eq 0 ] || skip "not root"
command -v systemd-nspawn >/dev/null || skip "systemd-nspawn is not installed"
command -v nsenter >/dev/null || skip "nsenter is not installed"

build=${LEADD_BUILD:-build}
here=$(mktemp -d /tmp/leadd-system.XXXXXX)
machine=leadd-test-$$
leader='' nspawn=''
finish() {
        code=$?
        if [ "$code" -ne 0 ] && [ -n "$leader" ]; then
                inside journalctl -b --no-pager -o short-precise 2>/dev/null | tail -n 60 || true
        fi
        # A killed nspawn would leave the container behind: its leader goes first.
        [ -z "$leader" ] || kill -9 "$leader" 2>/dev/null || true
        [ -z "$nspawn" ] || wait "$nspawn" 2>/dev/null || true
        rm -rf "$here"
        exit "$code"
}
trap finish EXIT
fail() {
        echo "FAILED: $*"
        exit 1
}
within() { # seconds, command...: until it succeeds
        local end=$(($(date +%s) + $1))
        shift
        until "$@" >/dev/null 2>&1; do
                [ "$(date +%s)" -lt "$end" ] || fail "waited in vain for: $*"
                sleep 0.1
        done
}

make --no-print-directory -s install DESTDIR="$here/root" PREFIX=/opt/leadd BUILD="$build"
installed=$here/root/opt/leadd
mkdir -p "$here/etc/rules"
cp -r rules/. "$here/etc/rules/"
# A reminder that is due at once, by a program that leadd-notify runs.
cat >"$here/etc/rules/60-slas.lua" <<'LUA'
sla "ACCEPT" { status = "mql", within = "1h", clock = "wall", steps = { { at = "1s", remind = { "owner" } }, { at = "1h", every = "24h", remind = { "owner" } } } }
sla "FIRST_CALL" { status = "sal", within = "1wd", steps = { { at = "1wd", every = "1wd", remind = { "owner" } } } }
LUA
sed -i 's|^channel "crm" .*|channel "crm" { via = "exec", target = "/etc/leadd-program" }|' "$here/etc/rules/70-messages.lua"
rm -f "$here"/etc/rules/*_test.lua # they test the shipped policy, not this one
cat >"$here/program" <<'SH'
#!/bin/sh
logger -t leadd-program "$(id -un) $LEADD_LEAD $LEADD_KIND $(wc -c)"
SH
chmod 755 "$here/program"

echo "- the unit is well-formed and confined"
systemd-analyze verify --man=no "$installed/lib/systemd/system/leadd.service" "$installed/lib/systemd/system/leadd-notify.socket" "$installed/lib/systemd/system/leadd-metrics.timer" 2>&1 | grep -v 'is not executable' | grep leadd && fail "systemd-analyze verify complains"
systemd-analyze security --offline=true --threshold=10 "$installed/lib/systemd/system/leadd.service" >"$here/security" || fail "$(tail -n 1 "$here/security")"
tail -n 1 "$here/security"
systemd-analyze security --offline=true --threshold=10 "$installed/lib/systemd/system/leadd-metrics.service" >"$here/security" || fail "$(tail -n 1 "$here/security")"
tail -n 1 "$here/security"

systemd-nspawn -q -D / --volatile=yes -b --register=no --keep-unit --private-network --link-journal=no --console=pipe --machine="$machine" \
        --bind-ro="$installed:/opt/leadd" --bind-ro="$here/etc/rules:/etc/leadd/rules" \
        --bind-ro="$installed/lib/systemd/system/leadd.service:/etc/systemd/system/leadd.service" \
        --bind-ro="$installed/lib/systemd/system/leadd-notify.socket:/etc/systemd/system/leadd-notify.socket" \
        --bind-ro="$installed/lib/systemd/system/leadd-notify@.service:/etc/systemd/system/leadd-notify@.service" \
        --bind-ro="$installed/lib/systemd/system/leadd-metrics.service:/etc/systemd/system/leadd-metrics.service" \
        --bind-ro="$installed/lib/systemd/system/leadd-metrics.timer:/etc/systemd/system/leadd-metrics.timer" \
        --bind-ro="$here/program:/etc/leadd-program" \
        --bind-ro="$installed/lib/sysusers.d/leadd.conf:/etc/sysusers.d/leadd.conf" \
        --bind-ro="$installed/lib/tmpfiles.d/leadd.conf:/etc/tmpfiles.d/leadd.conf" \
        --bind-ro="$installed/lib/systemd/catalog/leadd.catalog:/run/leadd.catalog" --tmpfs=/usr/local/lib \
        systemd.mask=systemd-firstboot.service systemd.mask=systemd-networkd-wait-online.service >"$here/console" 2>&1 </dev/null &
nspawn=$!
find_leader() { leader=$(pgrep -P "$nspawn" -x systemd) && [ -n "$leader" ]; }
for _ in $(seq 200); do
        find_leader && break
        # Where a container cannot be booted at all (inside a chroot, say) there is nothing to test. Continuous integration must not look away.
        if ! kill -0 "$nspawn" 2>/dev/null && [ -z "${CI-}" ]; then
                skip "a container cannot be booted here: $(tail -n 1 "$here/console")"
        fi
        sleep 0.1
done
[ -n "$leader" ] || fail "the container does not boot: $(tail -n 3 "$here/console")"
inside() { nsenter -t "$leader" -a "$@"; }
ctl() { inside /opt/leadd/bin/leadctl "$@"; }
is_up() { inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; }
within 60 is_up

echo "- the unit starts and says it is ready"
inside systemctl start leadd-notify.socket || fail "leadd-notify.socket: $(inside systemctl status --no-pager leadd-notify.socket | tail -n 20)"
inside systemctl start leadd.service || fail "systemctl start: $(inside systemctl status --no-pager leadd.service | tail -n 20)"
ctl ping >/dev/null || fail "no answer"
[ "$(inside systemctl show -p User --value leadd.service)" = leadd ] || fail "not the user leadd"

echo "- a dropped file becomes a lead, and the journal knows it by field"
printf '%s' '{"specversion":"1.0","id":"s1","type":"lead.submitted","data":{"person":{"email":"secret.name@keller.example"},"attribution":{"form_name":"demo"}}}' >"$here/a.json"
inside sh -c '/opt/leadd/bin/leadd-drop web - json' <"$here/a.json" >/dev/null
within 20 ctl show secret.name@keller.example
ctl --json show L-1 | grep -q '"status": *"mql"' || fail "L-1 is not in mql: $(ctl show L-1)"
entries() { inside journalctl --sync; inside journalctl -o json --no-pager "$@"; }
entries LEAD_ID=L-1 | grep -q '"LEAD_TO":"mql"' || fail "no journal entry with LEAD_ID=L-1 and LEAD_TO=mql"
entries LEAD_ID=L-1 | grep -q '"LEAD_OWNER"' || fail "no journal entry that names the owner"
entries MESSAGE_ID=5b0c2fa9a6c84d6e8f3bb51f3f0a6a03 | grep -q '"LEAD_FILE"' || fail "no journal entry about the file"
entries -u leadd | grep -q 'secret.name' && fail "lead data in the journal"
# Catalogs are read from below /usr alone, which is read-only here but for this.
inside mkdir -p /usr/local/lib/systemd/catalog
inside cp /run/leadd.catalog /usr/local/lib/systemd/catalog/leadd.catalog
inside journalctl --update-catalog
inside journalctl -x --no-pager LEAD_ID=L-1 | grep -q 'A lead has moved' || fail "the catalog explains nothing"

echo "- a reminder is carried by leadd-notify, as its own user"
told() { entries -t leadd-program | grep -q 'leadd-notify L-1 reminded'; }
within 20 told
delivered() { [ -z "$(ctl --json outbox)" ]; }
within 20 delivered
[ "$(inside stat -c '%U %G %a' /run/leadd-notify/org.leadd.Notify)" = "leadd-notify leadd 660" ] || fail "the socket of leadd-notify is open to others"

echo "- figures for the textfile collector are written as their own user, whole, and where everybody may read them"
inside systemctl start leadd-metrics.timer || fail "leadd-metrics.timer: $(inside systemctl status --no-pager leadd-metrics.timer | tail -n 20)"
inside systemctl start leadd-metrics.service || fail "leadd-metrics: $(inside systemctl status --no-pager leadd-metrics.service | tail -n 20)"
[ "$(inside stat -c '%U %a' /var/lib/leadd-metrics/leadd.prom)" = "leadd-metrics 644" ] || fail "leadd.prom is $(inside stat -c '%U %a' /var/lib/leadd-metrics/leadd.prom)"
inside cat /var/lib/leadd-metrics/leadd.prom >"$here/leadd.prom"
grep -q '^leadd_leads{status="mql"} 1$' "$here/leadd.prom" || fail "no lead in the figures"
grep -q '^leadd_records_total{source="web",outcome="accepted"} 1$' "$here/leadd.prom" || fail "no record in the figures"
[ "$(inside sh -c 'ls -A /var/lib/leadd-metrics')" = leadd.prom ] || fail "something is left beside leadd.prom"
ctl health -w room=0: -c room=0: | grep -q '^LEADD OK - ' || fail "health: $(ctl health || true)"
entries MESSAGE_ID=5b0c2fa9a6c84d6e8f3bb51f3f0a6a50 | grep -q '"LEAD_LEAKS":"0"' || fail "no line of the day about leaks"

echo "- killed, it comes back with everything it knew"
before=$(inside systemctl show -p MainPID --value leadd.service)
inside kill -9 "$before"
restarted() { pid=$(inside systemctl show -p MainPID --value leadd.service) && [ "$pid" != 0 ] && [ "$pid" != "$before" ] && ctl ping; }
within 20 restarted
ctl show L-1 >/dev/null || fail "L-1 is gone"

echo "- systemctl reload takes new rules"
old=$(ctl --json status | tr -d '\n ' | sed -n 's/.*"hash":"\([0-9a-f]*\)".*/\1/p')
printf 'principle "SYSTEM" { "Be kind." }\n' >"$here/etc/rules/99-system.lua"
inside systemctl reload leadd.service
changed() { [ "$(ctl --json status | tr -d '\n ' | sed -n 's/.*"hash":"\([0-9a-f]*\)".*/\1/p')" != "$old" ]; }
within 10 changed

echo "- a broken rule file leaves the running rules, and systemctl status says so"
running=$(ctl --json status | tr -d '\n ' | sed -n 's/.*"hash":"\([0-9a-f]*\)".*/\1/p')
unit_says() { inside systemctl status --no-pager leadd.service | grep -q "Status: \".*$1"; }
within 10 unit_says judging
unit_says 'those on disk are refused' && fail "the rules are refused before they are broken"
printf 'this is no rule\n' >"$here/etc/rules/99-system.lua"
inside systemctl reload leadd.service
within 10 unit_says 'those on disk are refused'
[ "$(ctl --json status | tr -d '\n ' | sed -n 's/.*"hash":"\([0-9a-f]*\)".*/\1/p')" = "$running" ] || fail "the running rules are gone"
ctl status | grep -q '99-system.lua:1' || fail "leadctl status does not name the place"
printf 'principle "SYSTEM" { "Be kind." }\n' >"$here/etc/rules/99-system.lua"
inside systemctl reload leadd.service
within 10 unit_says 'judging"'

echo "- a stranger may ask whether it lives, and nothing else"
inside setpriv --reuid=65534 --regid=65534 --clear-groups /opt/leadd/bin/leadctl ping >/dev/null || fail "nobody cannot ping"
code=0
inside setpriv --reuid=65534 --regid=65534 --clear-groups /opt/leadd/bin/leadctl list >/dev/null 2>&1 || code=$?
[ "$code" -eq 77 ] || fail "nobody may list (exit $code)"

echo "- it stops in good order"
inside systemctl stop leadd.service
[ "$(inside systemctl show -p Result --value leadd.service)" = success ] || fail "stopping failed"
