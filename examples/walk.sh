#!/usr/bin/env bash
# A customer's way to a deal with curl alone: register, note, see what is allowed, be refused, and read the history.
#
#   examples/walk.sh ADDRESS KEY        such as http://127.0.0.1:8080 and the key that `waymark demo` prints
set -euo pipefail
address=$1 key=$2

# A body on standard input makes it a POST. The idempotency key makes a repeat answer what the first request did.
call() {
    local path=$1
    shift
    curl -sS -H "Authorization: Bearer $key" -H 'Content-Type: application/json' \
        -H "Idempotency-Key: walk-$RANDOM$RANDOM$RANDOM" "$@" "$address$path"
}

# The text of a field in a JSON document. A program would use a JSON library; a shell has sed.
field() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1; }

registered=$(call /v1/customers -d '{"pipeline": "sales", "name": "晨光文具 / Dawn Stationery", "owner": "rep:li"}')
id=$(field id <<<"$registered")
position=$(field position <<<"$registered")
echo "registered $id at position $position"

call "/v1/customers/$id/notes" -d '{"text": "想要样品 / wants samples"}' >/dev/null

echo 'may go to:'
call "/v1/customers/$id/allowed-transitions" | grep -o '"to":"[a-z_]*","name":"[^"]*","allowed":true' | cut -d '"' -f 4

echo 'an impossible move is refused with a way out:'
call "/v1/customers/$id/transitions" -d '{"to": "delivered"}' | grep -o '"how_to_fix":"[^"]*"'

echo 'its history, read no earlier than the write above:'
call "/v1/customers/$id/timeline?min_position=$position" | grep -o '"type":"customer[a-z_.]*"'
