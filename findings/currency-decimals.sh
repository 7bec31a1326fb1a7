#!/usr/bin/env bash
# How many decimals a currency has, and which currencies there are, by four libraries. ISO 4217 says how many an amount
# may have, CLDR how many people write; libraries do not say which of the two they mean.
# - Iraq's dinar has 3 by currency-codes 2.2.0, dinero.js 2.0.2 and py-moneyed 3.0, and none by Babel 2.19.0, whose
#   `format_currency` rounds: 1.750 dinars become IQD 2, and 1234.56 forint HUF 1,235;
# - Madagascar's ariary (of five iraimbilanja) has 2 by currency-codes, a hundredth by py-moneyed, none by Babel, and a
#   fifth by dinero.js: 10 of its smallest units are 0.10, 0.10, 10 or 2 ariary;
# - the Caribbean guilder (XCG, since 2025-03-31) is known to dinero.js alone; Croatia's kuna (until 2022-12-31), of which
#   old deals still tell, to py-moneyed alone.
# It needs Node.js.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check babel==2.19.0 py-moneyed==3.0
npm install --silent --no-audit --no-fund --prefix . currency-codes@2.2.0 dinero.js@2.0.2
cat >seen.js <<'EOF'
const codes = require('currency-codes');
const currencies = require('dinero.js/currencies');

for (const code of ['IQD', 'MGA']) {
  const { base, exponent } = currencies[code];
  console.log(`${code}: currency-codes ${codes.code(code).digits}, dinero.js ${base} to the power of ${exponent}`);
}
const known = ['XCG', 'HRK'];
console.log('currency-codes:', ...known.map((code) => `${code} ${codes.code(code) !== undefined}`));
console.log('dinero.js:', ...known.map((code) => `${code} ${code in currencies}`));
EOF
cat >seen.py <<'EOF'
from decimal import Decimal

import moneyed
from babel.numbers import format_currency, get_currency_precision

for code in ("IQD", "MGA"):
    print(f"{code}: Babel {get_currency_precision(code)}, py-moneyed 1/{moneyed.get_currency(code).sub_unit}")
print("Babel:", format_currency(Decimal("1.750"), "IQD", locale="en"), format_currency(Decimal("1234.56"), "HUF", locale="en"))
print("py-moneyed:", *(f"{code} {str(code in moneyed.CURRENCIES).lower()}" for code in ("XCG", "HRK")))
EOF
{ node seen.js; venv/bin/python seen.py; } | tee seen.txt
diff seen.txt - <<'EOF'
IQD: currency-codes 3, dinero.js 10 to the power of 3
MGA: currency-codes 2, dinero.js 5 to the power of 1
currency-codes: XCG false HRK false
dinero.js: XCG true HRK false
IQD: Babel 0, py-moneyed 1/1000
MGA: Babel 0, py-moneyed 1/100
Babel: IQD2 HUF1,235
py-moneyed: XCG false HRK true
EOF
