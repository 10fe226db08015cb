#!/usr/bin/env bash
# Checks every dashboard against the types that Grafana publishes (the npm package @grafana/schema): what a dashboard and a
# panel may hold, and what each kind of panel takes as options. Needs npm, and the registry once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$folder" @grafana/schema@12.4.11 typescript@5.8.3 >/dev/null

python3 - dashboards "$folder" <<'PYTHON'
import json, pathlib, sys

RAW = "./node_modules/@grafana/schema/dist/types/raw"
KINDS = {"stat": "stat", "table": "table", "timeseries": "timeseries", "state-timeline": "statetimeline", "geomap": "geomap"}
lines = [f'import type {{ AnnotationQuery, Dashboard, Panel }} from "{RAW}/dashboard/x/types.gen";']
for kind in KINDS.values():
    lines.append(f'import type * as {kind} from "{RAW}/composable/{kind}/panelcfg/x/types.gen";')
# JSON has no enums: the words and numbers they stand for.
lines.append("""
type Plain<T> = T extends string ? `${T}` : T extends number ? number : T extends boolean | null | undefined ? T
    : T extends Array<infer U> ? Plain<U>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : unknown;
type Some<T> = T extends Array<infer U> ? Some<U>[] : T extends object ? { [K in keyof T]?: Some<T[K]> } : T;
// What an annotation asks is a matter of its data source; the published type says so and stops there.
type Annotations = { annotations: { list: Array<Plain<Omit<AnnotationQuery, "target">> & { target: { refId: string; [own: string]: unknown } }> } };
""")
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.json")):
    dashboard = json.loads(path.read_text(encoding="utf-8"))
    name = path.stem
    for panel in dashboard["panels"]:
        kind, number = KINDS[panel["type"]], panel["id"]
        text = lambda value: json.dumps(value, ensure_ascii=False)
        lines.append(f"export const {name}_{number}: Plain<Panel> = {text(panel)};")
        lines.append(f"export const {name}_{number}_options: Plain<Some<{kind}.Options>> = {text(panel['options'])};")
        custom = panel["fieldConfig"]["defaults"]["custom"]
        if custom:
            lines.append(f"export const {name}_{number}_custom: Plain<Some<{kind}.FieldConfig>> = {text(custom)};")
    lines.append(f"export const {name}: Plain<Omit<Dashboard, 'panels' | 'annotations'>> & Annotations = "
                 f"{text({key: value for key, value in dashboard.items() if key != 'panels'})};")
pathlib.Path(sys.argv[2], "check.ts").write_text("\n".join(lines), encoding="utf-8")
PYTHON

cd "$folder"
node_modules/.bin/tsc --noEmit --strict --skipLibCheck --moduleResolution bundler --module esnext --target es2022 check.ts
printf 'every dashboard is as Grafana says\n'
