#!/usr/bin/env bash
# Telephones with an extension as they are written in China, read by phonenumbers 9.0.43 (Python) and libphonenumber-js
# 1.13.16:
# - 0755-23456789-123 (area, number, extension) is parsed without an error, as one number of fourteen digits without an
#   extension, of which only the question whether it is possible tells;
# - 0755-23456789转123 is refused as no number at all, where the number could have been had without its extension;
# - with `x` for the extension it comes out as it should.
# Of the service number 95588 the one says that it is possible and the other that it is not. It needs Node.js.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check phonenumbers==9.0.43
npm install --silent --no-audit --no-fund --prefix . libphonenumber-js@1.13.16
printf '%s\n' 0755-23456789-123 0755-23456789转123 0755-23456789x123 95588 >numbers.txt
cat >seen.py <<'EOF'
import phonenumbers

for text in open("numbers.txt", encoding="utf-8").read().split():
    try:
        number = phonenumbers.parse(text, "CN")
    except phonenumbers.NumberParseException:
        print("phonenumbers", text, "refused")
        continue
    form = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    possible = str(phonenumbers.is_possible_number(number)).lower()
    print("phonenumbers", text, form, number.extension or "none", "possible", possible)
EOF
cat >seen.js <<'EOF'
const { parsePhoneNumberWithError } = require('libphonenumber-js/max');

for (const text of require('fs').readFileSync('numbers.txt', 'utf8').trim().split('\n')) {
  try {
    const number = parsePhoneNumberWithError(text, 'CN');
    console.log('libphonenumber-js', text, number.number, number.ext ?? 'none', 'possible', number.isPossible());
  } catch {
    console.log('libphonenumber-js', text, 'refused');
  }
}
EOF
{ venv/bin/python seen.py; node seen.js; } | tee seen.txt
diff seen.txt - <<'EOF'
phonenumbers 0755-23456789-123 +8675523456789123 none possible false
phonenumbers 0755-23456789转123 refused
phonenumbers 0755-23456789x123 +8675523456789 123 possible true
phonenumbers 95588 +8695588 none possible true
libphonenumber-js 0755-23456789-123 +8675523456789123 none possible false
libphonenumber-js 0755-23456789转123 refused
libphonenumber-js 0755-23456789x123 +8675523456789 123 possible true
libphonenumber-js 95588 +8695588 none possible false
EOF
