#!/usr/bin/env bash
# A small event log with columns as a CRM has them, written as XES, is none by the schema of XES (IEEE 1849), without a warning:
# - PM4Py 2.7.23.11 names the version 1849-2016, which is no xs:decimal; the key of a column "deal value" is no xs:Name;
#   infinity is written as inf, which is no xs:double (that has INF);
# - with r4pm 0.6.2 beside it PM4Py writes by that: the version is 2.0, the rest the same.
# Both read what they wrote. A reader that goes by the schema does not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check pm4py==2.7.23.11 pandas==3.1.1 lxml==6.1.3
# What the schema says of these three: its types by their names.
cat >schema.rng <<'EOX'
<grammar xmlns="http://relaxng.org/ns/structure/1.0" ns="http://www.xes-standard.org/"
         datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">
  <start><element name="log">
    <attribute name="xes.version"><data type="decimal"/></attribute>
    <zeroOrMore><attribute><anyName><except><name ns="">xes.version</name></except></anyName></attribute></zeroOrMore>
    <ref name="any"/></element></start>
  <define name="any"><zeroOrMore><choice>
    <element name="float"><attribute name="key"><data type="Name"/></attribute>
      <attribute name="value"><data type="double"/></attribute></element>
    <element><anyName><except><name>float</name></except></anyName>
      <optional><attribute name="key"><data type="Name"/></attribute></optional>
      <zeroOrMore><attribute><anyName><except><name ns="">key</name></except></anyName></attribute></zeroOrMore>
      <ref name="any"/></element>
  </choice></zeroOrMore></define>
</grammar>
EOX
cat >seen.py <<'EOX'
import pandas, pm4py
from lxml import etree

SCHEMA = etree.RelaxNG(etree.parse("schema.rng"))


def version_and_validity(columns):
    instants = pandas.to_datetime(["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"])
    of_all = {"case:concept:name": ["1", "1"], "concept:name": ["New", "Won"], "time:timestamp": instants}
    pm4py.write_xes(pandas.DataFrame(of_all | columns), "log.xes", case_id_key="case:concept:name")
    assert len(pm4py.read_xes("log.xes")) == 2
    document = etree.parse("log.xes")
    version = document.getroot().get("xes.version")
    document.getroot().set("xes.version", "1849.2016")
    return version, SCHEMA.validate(document)


for columns in ({"amount": [1.5, 2.5]}, {"deal value": [1.5, 2.5]}, {"amount": [1.5, float("inf")]}):
    print(*columns, *version_and_validity(columns))
EOX
venv/bin/python -W ignore seen.py | grep -E '(True|False)$' | tee seen.txt
diff seen.txt - <<'EOX'
amount 1849-2016 True
deal value 1849-2016 False
amount 1849-2016 False
EOX
venv/bin/pip install -q --disable-pip-version-check r4pm==0.6.2 polars==2.1.0 pyarrow==26.0.1
venv/bin/python -W ignore seen.py | grep -E '(True|False)$' | tee seen.txt
diff seen.txt - <<'EOX'
amount 2.0 True
deal value 2.0 False
amount 2.0 False
EOX
