#!/usr/bin/env bash
# A vCard 4.0 (RFC 6350) with escaped semicolons, commas and line ends, and a telephone as a URI with an extension:
# - vcf 2.1.2 (npm) parts an address at escaped semicolons as well, so that the city stands where the region belongs and
#   all behind it is one place too far, and leaves the backslashes in notes, names of companies and categories;
# - vobject 0.9.9 (PyPI) reads all of it rightly, and writes the URI with a backslash in front of its semicolon. vcf,
#   reading what vobject wrote, has a telephone whose extension is no parameter any more.
# It needs Node.js.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check vobject==0.9.9
npm install --silent --no-audit --no-fund --prefix . vcf@2.1.2
printf '%s\r\n' BEGIN:VCARD VERSION:4.0 FN:Li 'ADR:;;1 Road\; North;Shenzhen;Guangdong;518000;China' 'ORG:Acme\, Inc.;Sales' \
  'NOTE:one\ntwo\, three' 'TEL;VALUE=uri:tel:+86-755-2345-6789;ext=12' END:VCARD >contact.vcf
cat >again.py <<'EOF'
import vobject

card = vobject.readOne(open("contact.vcf", newline="").read())
assert card.adr.value.street == "1 Road; North" and card.adr.value.city == "Shenzhen"
assert card.note.value == "one\ntwo, three" and card.org.value == ["Acme, Inc.", "Sales"]
assert card.tel.value == "tel:+86-755-2345-6789;ext=12"
open("again.vcf", "w", newline="").write(card.serialize())
EOF
cat >seen.js <<'EOF'
const fs = require('fs');
const vcf = require('vcf');

const read = (name) => vcf.parse(fs.readFileSync(name, 'utf8'))[0];
const card = read('contact.vcf');
for (const name of ['adr', 'org', 'note', 'tel']) console.log(`vcf ${name}`, JSON.stringify(card.get(name).toJSON()[3]));
console.log('vcf, after vobject: tel', JSON.stringify(read('again.vcf').get('tel').toJSON()[3]));
EOF
venv/bin/python -W ignore again.py 2>/dev/null
{ node seen.js; grep -o 'tel:.*' again.vcf | tr -d '\r' | sed 's/^/vobject wrote: /'; } | tee seen.txt
diff seen.txt - <<'EOF'
vcf adr ["","","1 Road\\"," North","Shenzhen","Guangdong","518000","China"]
vcf org "Acme\\, Inc.;Sales"
vcf note "one\\ntwo\\, three"
vcf tel "tel:+86-755-2345-6789;ext=12"
vcf, after vobject: tel "tel:+86-755-2345-6789\\;ext=12"
vobject wrote: tel:+86-755-2345-6789\;ext=12
EOF
