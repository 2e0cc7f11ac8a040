#!/bin/sh
# The whole example: payments into a running server, some of them asked for, one explained, and another spec tried on the log.
#
#     examples/payments/run.sh [--data FILE_OR_FOLDER] [--dir DIRECTORY]
#
# Without --data the stream beside this file is played. The server has a free port and a new directory; MILLRACE names the program.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
millrace=${MILLRACE:-$here/../../target/release/millrace}
data=$here/stream.csv live=$here/live.ndjson dir=
usage() { echo "usage: $0 [--data FILE_OR_FOLDER] [--dir DIRECTORY]${1:+; $1}" >&2; exit 2; }
while [ $# -gt 0 ]; do
    case $1 in --data | --dir) [ $# -gt 1 ] && [ -n "$2" ] || usage "$1 needs a value" ;; esac
    case $1 in
        --data) data=$2 live=$here/live-shared.ndjson; shift 2 ;;
        --dir) dir=$2; shift 2 ;;
        *) usage ;;
    esac
done
[ -e "$data" ] || usage "$data does not exist"
command -v curl >/dev/null || { echo "curl is missing" >&2; exit 1; }
[ -x "$millrace" ] || { echo "$millrace is missing: cargo build --release" >&2; exit 1; }
[ -n "$dir" ] || dir=$(mktemp -d)
say() { printf '\n== %s\n' "$*"; }

say "a server whose time is that of the events; its log is in $dir"
mkdir -p "$dir"
: > "$dir/serve.txt"
"$millrace" serve --clock events --spec "$here/payments.yaml" --dir "$dir/log" --bind 127.0.0.1:0 > "$dir/serve.txt" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
waited=0
until url=$(sed -n 's|^serving on \(http://[0-9.:]*\).*|\1|p' "$dir/serve.txt") && [ -n "$url" ]; do
    waited=$((waited + 1))
    [ $waited -lt 600 ] && kill -0 $server 2>/dev/null || { cat "$dir/serve.txt" >&2; exit 1; }
    sleep 0.1
done
echo "$url"

say "the past: payments, and after a while what was found out about each"
"$millrace" import --data "$data" --to "$url" --progress "$dir/progress.json" --rejects "$dir/rejects.jsonl"

say "a terminal is watched from now on"
curl -sS --json '{"key":"t02"}' "$url/v1/lists/watched"; echo

say "payments are asked about: POST /v1/decisions/card_risk"
curl -sS -H 'content-type: application/x-ndjson' --data-binary "@$live" "$url/v1/decisions/card_risk" | tee "$dir/verdicts.ndjson"

say "the same payment again, as a client does that heard nothing: the same answer, and nothing is counted twice"
head -1 "$live" | curl -sS --json @- "$url/v1/decisions/card_risk"

decision=$(sed -n 's/^{"id":"\([^"]*\)".*"outcome":"decline".*/\1/p' "$dir/verdicts.ndjson" | head -1)
say "why $decision? GET /v1/decisions/$decision/explain"
curl -sS -H 'accept: text/plain' "$url/v1/decisions/$decision/explain"

say "is it the same if it is computed from the log? GET /v1/decisions/$decision/replay"
curl -sS "$url/v1/decisions/$decision/replay" | head -c 160; echo " ..."

say "would faster.yaml have been better? millrace backtest, beside the running server"
"$millrace" backtest --dir "$dir/log" --spec "$here/faster.yaml" --html "$dir/backtest.html"

say "done. The log, the verdicts and the report (backtest.html) are in $dir"
