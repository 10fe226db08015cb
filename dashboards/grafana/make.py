#!/usr/bin/env python3
"""Writes dashboards/*.json from the tables below: one panel a call, in the order they are seen.

The JSON is what Grafana loads; this is what people read and change. tests/grafana.rs runs every query.
"""

import json
import pathlib
import sys

ARCHIVE = {"type": "influxdb", "uid": "bongsu-archive"}
METRICS = {"type": "prometheus", "uid": "bongsu-metrics"}

# Colours of the levels on every screen of bongsu; told apart without colour by their words.
LEVELS = [
    (0, "정상 Normal", "#4a7d5f"),
    (1, "관심 Attention", "#2f6fb0"),
    (2, "주의 Caution", "#d9a400"),
    (3, "경계 Warning", "#e06a00"),
    (4, "심각 Severe", "#c0152f"),
]
NAMED_LEVELS = [{"type": "value", "options": {
    str(value): {"text": name, "color": colour, "index": value} for value, name, colour in LEVELS}}]
LEVEL_STEPS = {"mode": "absolute", "steps": [
    {"value": None if value == 0 else value, "color": colour} for value, _, colour in LEVELS]}
PLAIN = {"mode": "absolute", "steps": [{"value": None, "color": "green"}]}
BAD_ABOVE_0 = {"mode": "absolute", "steps": [{"value": None, "color": "green"}, {"value": 1, "color": "red"}]}
GOOD_FROM_1 = {"mode": "absolute", "steps": [{"value": None, "color": "red"}, {"value": 1, "color": "green"}]}

SITE = '"site" =~ /^$site$/'
RATE = "[$__rate_interval]"


def influx(query, ref="A", table=False, alias=None):
    target = {"refId": ref, "datasource": ARCHIVE, "query": query, "rawQuery": True,
              "resultFormat": "table" if table else "time_series"}
    if alias:
        target["alias"] = alias
    return target


def prom(expr, legend="__auto", ref="A", instant=False):
    return {"refId": ref, "datasource": METRICS, "expr": expr, "legendFormat": legend,
            "instant": instant, "range": not instant}


def panel(kind, ko, en, description, unit, targets, width=8, height=8, steps=None, mappings=None,
          options=None, custom=None, transformations=None, links=None, decimals=None):
    defaults = {"unit": unit, "thresholds": steps or PLAIN, "mappings": mappings or [], "custom": custom or {}}
    if links:
        defaults["links"] = links
    if decimals is not None:
        defaults["decimals"] = decimals
    return {
        "type": kind, "title": f"{ko} · {en}", "description": description,
        "datasource": targets[0]["datasource"], "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options or {}, "transformations": transformations or [],
        "gridPos": {"w": width, "h": height, "x": 0, "y": 0},
    }


def stat(ko, en, description, unit, targets, **more):
    options = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
               "colorMode": "background", "graphMode": "none", "textMode": "auto"}
    return panel("stat", ko, en, description, unit, targets, **{"height": 5, "options": options, **more})


def lines(ko, en, description, unit, targets, **more):
    options = {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
               "tooltip": {"mode": "multi", "sort": "desc"}}
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 0, "showPoints": "auto", "spanNulls": False,
              **more.pop("custom", {})}
    return panel("timeseries", ko, en, description, unit, targets,
                 **{"width": 12, "options": options, "custom": custom, **more})


def bars(*args, **more):
    return lines(*args, custom={"drawStyle": "bars", "fillOpacity": 60}, **more)


def table(ko, en, description, unit, targets, **more):
    return panel("table", ko, en, description, unit, targets,
                 **{"width": 24, "options": {"showHeader": True, "cellHeight": "sm"}, **more})


def states(ko, en, description, unit, targets, **more):
    return panel("state-timeline", ko, en, description, unit, targets, **{
        "width": 24, "steps": LEVEL_STEPS, "mappings": NAMED_LEVELS,
        "options": {"mergeValues": True, "showValue": "auto", "rowHeight": 0.8}, **more})


def measured(ko, en, description, unit, quantities, by="mean"):
    """A quantity of one site. Its lowest limit is drawn from what the rules say."""
    which = " OR ".join(f"\"quantity\" = '{quantity}'" for quantity in quantities)
    where = f"WHERE {SITE} AND ({which})"
    return lines(ko, en, description, unit, [
        influx(f'SELECT {by}("value") FROM "reading" {where} AND $timeFilter '
               'GROUP BY time($__interval), "station", "sensor", "quantity" fill(none)',
               alias="$tag_station $tag_sensor $tag_quantity"),
        influx(f'SELECT last("value") AS "limit" FROM "limit" {where} GROUP BY "rule", "level"', "B", table=True),
    ], custom={"thresholdsStyle": {"mode": "line"}}, transformations=[{
        "id": "configFromData",
        "options": {"configRefId": "B", "applyTo": {"id": "byFrameRefID", "options": "A"},
                    "mappings": [{"fieldName": "limit", "handlerKey": "threshold1", "reducerId": "min"},
                                 {"fieldName": "Time", "handlerKey": "__ignore"},
                                 {"fieldName": "rule", "handlerKey": "__ignore"},
                                 {"fieldName": "level", "handlerKey": "__ignore"}]}}])


TO_BOARD = [{"title": "상황판 · Board", "url": "${board}/sites/${__field.labels.site}", "targetBlank": True}]
ROW_TO_BOARD = [{"title": "상황판 · Board", "url": "${board}/sites/${__data.fields.site}", "targetBlank": True}]
ROW_TO_INCIDENT = [{"title": "상황판 · Board", "url": "${board}/incidents/${__data.fields.id}", "targetBlank": True}]

BOARD = {"name": "board", "type": "textbox", "label": "상황판 Board", "query": "http://127.0.0.1:8080",
         "current": {"text": "http://127.0.0.1:8080", "value": "http://127.0.0.1:8080"}, "options": [], "hide": 2}


def choice(name, label, query, multi=True):
    variable = {"name": name, "type": "query", "label": label, "datasource": ARCHIVE, "query": query, "refresh": 2,
                "sort": 1, "multi": multi, "includeAll": multi, "options": []}
    if multi:
        variable |= {"allValue": ".*", "current": {"text": "All", "value": "$__all"}}
    return variable


SITES = choice("site", "지구 Site", 'SHOW TAG VALUES FROM "reading" WITH KEY = "site"')
ONE_SITE = choice("site", "지구 Site", 'SHOW TAG VALUES FROM "reading" WITH KEY = "site"', multi=False)

LEVEL_MOVES = {
    "name": "단계 변화 · Level moves", "enable": True, "iconColor": "orange", "datasource": ARCHIVE,
    "target": {"query": 'SELECT "level", "site", "hazard" FROM "level" WHERE $timeFilter', "refId": "Anno",
               "textColumn": "level", "tagsColumn": "site,hazard", "fromAnnotations": True},
}
OWN_ALERTS = {
    "name": "봉수 경보 · Alerts about bongsu", "enable": True, "iconColor": "red", "datasource": METRICS,
    "target": {"expr": 'ALERTS{alertstate="firing", alertname=~"Bongsu.*"}', "refId": "Anno", "interval": "60s"},
}


def overview():
    return [
        stat("지구", "Sites by level", "How many sites stand at each level now.", "short",
             [prom("sum by (level) (alerting_sites)", "{{level}}", instant=True)], width=12),
        stat("확인불가", "Not seen", "Sites of which too little is heard to call them normal. Silence is not safety.", "short",
             [prom("sum(alerting_sites_unknown)", "unknown", instant=True)], width=4, steps=BAD_ABOVE_0),
        stat("진행 중인 상황", "Open incidents", "Incidents that are not closed, of every level.", "short",
             [prom("sum(alerting_incidents_open)", "open", instant=True)], width=4, steps=BAD_ABOVE_0),
        stat("미전달", "Owed", "Deliveries that wait to be confirmed on every channel.", "short",
             [prom("sum(delivery_queue_depth)", "owed", instant=True)], width=4, steps=BAD_ABOVE_0),
        panel("geomap", "지도", "Map", "Every site where it stands, in the colour of its level. A click leads to the board.",
              "short", [influx('SELECT last("level") AS "level", last("latitude") AS "latitude", '
                               'last("longitude") AS "longitude" FROM "site" GROUP BY "site", "kind"', table=True)],
              width=14, height=16, steps=LEVEL_STEPS, mappings=NAMED_LEVELS, links=ROW_TO_BOARD,
              options={"view": {"id": "fit", "allLayers": True, "lat": 36.3, "lon": 127.8, "zoom": 7},
                       "basemap": {"type": "default", "name": "바탕 · Base"},
                       "controls": {"showZoom": True, "mouseWheelZoom": True, "showAttribution": True},
                       "tooltip": {"mode": "details"},
                       "layers": [{"type": "markers", "name": "지구 · Sites", "tooltip": True,
                                   "location": {"mode": "coords", "latitude": "latitude", "longitude": "longitude"},
                                   "config": {"showLegend": True, "style": {
                                       "size": {"fixed": 9, "min": 2, "max": 15},
                                       "color": {"field": "level", "fixed": "dark-green"}, "opacity": 0.9,
                                       "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
                                       "text": {"field": "site", "mode": "field"}}}}]}),
        table("지구 목록", "List of sites", "The level of every site, the gravest first.", "short",
              [influx('SELECT last("level") AS "level", last("name_ko") AS "name_ko", last("name_en") AS "name_en" '
                      'FROM "site" GROUP BY "site", "kind"', table=True)],
              width=10, height=16, steps=LEVEL_STEPS, mappings=NAMED_LEVELS, links=ROW_TO_BOARD,
              options={"showHeader": True, "sortBy": [{"displayName": "level", "desc": True}]}),
        states("단계 이력", "Levels over time", "How the levels of sites moved.", "short",
               [influx(f'SELECT max("level") FROM "level" WHERE {SITE} AND $timeFilter '
                       'GROUP BY time($__interval), "site" fill(previous)', alias="$tag_site")], links=TO_BOARD),
        bars("수신량", "Readings archived", "Readings a minute, all sites together: a dent is a part of the field that fell silent.",
             "short", [influx('SELECT count("value") FROM "reading" WHERE $timeFilter GROUP BY time(1m) fill(0)',
                              alias="readings")], width=24),
    ]


def site():
    return [
        stat("단계", "Level", "The highest level of the site now.", "short",
             [influx(f'SELECT last("level") FROM "site" WHERE {SITE}')], width=6, steps=LEVEL_STEPS,
             mappings=NAMED_LEVELS),
        stat("누적 강우", "Rain in the range", "The sum of all gauges' amounts, divided by their number.", "lengthmm",
             [influx(f'SELECT mean("sum") FROM (SELECT sum("value") FROM "reading" WHERE {SITE} '
                     'AND "quantity" = \'rain\' AND $timeFilter GROUP BY "station", "sensor")')], width=6),
        stat("최근 수신", "Last heard", "When the newest reading of the site was measured.", "dateTimeFromNow",
             [influx(f'SELECT last("received_at") * 1000 FROM "reading" WHERE {SITE}')], width=6),
        stat("관측국", "Stations online", "How many stations of the site said last that they are there.", "short",
             [influx(f'SELECT sum("online") FROM (SELECT last("online") AS "online" FROM "station" WHERE {SITE} '
                     'GROUP BY "station")')], width=6, steps=GOOD_FROM_1),
        measured("기울기", "Tilt", "Rotation of each post, degrees. The line is the lowest limit that a rule draws.",
                 "degree", ["tilt-x", "tilt-y"]),
        measured("변위", "Displacement", "Movement along each extensometer, millimetres.", "lengthmm", ["displacement"]),
        measured("균열 폭", "Crack width", "Opening of each crack, millimetres.", "lengthmm", ["crack-width"]),
        measured("간극수압", "Pore pressure", "Pressure of water in the ground, kilopascal.", "pressurekpa", ["pore-pressure"]),
        measured("토양 수분", "Soil moisture", "Volumetric water content, parts of one.", "percentunit", ["soil-moisture"]),
        measured("변형률", "Strain", "Strain of members, microstrain.", "short", ["strain"]),
        measured("온도", "Temperature", "Of the structure or the air, degrees Celsius.", "celsius", ["temperature"]),
        bars("강우", "Rain", "Amounts of each gauge, millimetres in each interval.", "lengthmm",
             [influx(f'SELECT sum("value") FROM "reading" WHERE {SITE} AND "quantity" = \'rain\' AND $timeFilter '
                     'GROUP BY time($__interval), "station" fill(0)', alias="$tag_station")]),
        states("단계 이력", "Levels over time", "How the level of the site moved, by hazard.", "short",
               [influx(f'SELECT max("level") FROM "level" WHERE {SITE} AND $timeFilter '
                       'GROUP BY time($__interval), "hazard" fill(previous)', alias="$tag_hazard")], height=6),
        table("판정 기준", "Limits in force", "Where plain rules begin to argue for a level, in the base unit of each quantity.",
              "short", [influx(f'SELECT last("value") AS "limit" FROM "limit" WHERE {SITE} '
                               'GROUP BY "rule", "level", "quantity", "station", "sensor"', table=True)]),
    ]


def instruments():
    return [
        stat("불량 자료", "Doubtful readings", "Readings in the range with something known against them: late, flat, unconfirmed, of unknown time.",
             "short", [influx(f'SELECT count("value") FROM "reading" WHERE {SITE} AND "quality" > 0 AND $timeFilter')],
             width=6),
        stat("누락", "Missing messages", "Messages that stations numbered and that have not come though a later one did.", "short",
             [prom("sum(ingest_messages_missing)", "missing", instant=True)], width=6, steps=BAD_ABOVE_0),
        stat("거부", "Refused", "Reports refused by name in the last hour: units, ranges, stations nobody registered.", "short",
             [prom("sum(increase(ingest_reports_refused_total[1h]))", "refused", instant=True)], width=6, decimals=0),
        stat("보류", "Held back", "Readings that wait for the next ones to say what they are.", "short",
             [prom("sum(ingest_readings_held)", "held", instant=True)], width=6),
        lines("배터리", "Battery", "Supply of each station, volts, as it says itself.", "volt",
              [influx(f'SELECT min("battery_v") FROM "station" WHERE {SITE} AND $timeFilter '
                      'GROUP BY time($__interval), "site", "station" fill(none)', alias="$tag_site $tag_station")]),
        lines("연결", "Online", "1 while a station is there, 0 once its broker told of its end.", "bool_on_off",
              [influx(f'SELECT last("online") FROM "station" WHERE {SITE} AND $timeFilter '
                      'GROUP BY time($__interval), "site", "station" fill(none)', alias="$tag_site $tag_station")],
              custom={"lineInterpolation": "stepAfter"}),
        lines("거부 사유", "Why reports are refused", "Reports refused a second, by reason.", "reqps",
              [prom(f"sum by (reason) (rate(ingest_reports_refused_total{RATE}))", "{{reason}}")]),
        bars("불량 자료 추이", "Doubtful readings over time", "Readings with flags in each interval, by site.", "short",
             [influx(f'SELECT count("value") FROM "reading" WHERE {SITE} AND "quality" > 0 AND $timeFilter '
                     'GROUP BY time($__interval), "site" fill(0)', alias="$tag_site")]),
        table("계열별 최근 값", "Newest of every series", "The newest reading of every series, with the time it was measured: what is old stands out.",
              "short", [influx(f'SELECT last("value") AS "value", "quality" FROM "reading" WHERE {SITE} '
                               'GROUP BY "site", "station", "sensor", "quantity"', table=True)], height=12),
    ]


def incidents():
    return [
        stat("진행 중", "Open by level", "Incidents that are not closed, by level.", "short",
             [prom("sum by (level) (alerting_incidents_open)", "{{level}}", instant=True)], width=12),
        stat("전달 시도", "Attempts in the last hour", "Attempts on every channel, by what came of them.", "short",
             [prom("sum by (outcome) (increase(delivery_attempts_total[1h]))", "{{outcome}}", instant=True)],
             width=12, decimals=0),
        table("상황", "Incidents", "Every revision in the range, the newest first. The id leads to the board.", "short",
              [influx(f'SELECT "id", "level", "revision" FROM "incident" WHERE {SITE} AND $timeFilter '
                      'GROUP BY "site", "hazard", "state" ORDER BY time DESC', table=True)],
              steps=LEVEL_STEPS, links=ROW_TO_INCIDENT, height=10),
        lines("전달 시간", "Time until people have it", "From the measurement to the receipt, the slowest in a hundred, by stage.", "s",
              [prom(f"histogram_quantile(0.99, sum by (stage, le) (rate(delivery_latency_seconds_bucket{RATE})))", "{{stage}}")]),
        lines("전달 결과", "What attempts came to", "Attempts a second, by channel and outcome.", "reqps",
              [prom(f"sum by (channel, outcome) (rate(delivery_attempts_total{RATE}))", "{{channel}} {{outcome}}")]),
        lines("대기", "Owed by channel", "Deliveries not settled, by channel. A line that stays up is people who do not know yet.", "short",
              [prom("sum by (channel) (delivery_queue_depth)", "{{channel}}")]),
        lines("채널 상태", "Channels that rest", "1 while a channel failed so often in a row that it is left to rest.", "bool_yes_no",
              [prom("max by (channel) (delivery_channel_failing)", "{{channel}}")]),
        bars("상황 개정", "Revisions", "Revisions of incidents in each interval, by state.", "short",
             [influx(f'SELECT count("revision") FROM "incident" WHERE {SITE} AND $timeFilter '
                     'GROUP BY time($__interval), "state" fill(0)', alias="$tag_state")], width=24),
    ]


def rainfall():
    rain = f"{SITE} AND \"quantity\" = 'rain' AND $timeFilter"
    return [
        stat("최대 시우량", "Greatest hour", "The greatest amount within a clock hour in the range, of any gauge.", "lengthmm",
             [influx(f'SELECT max("hour") FROM (SELECT sum("value") AS "hour" FROM "reading" WHERE {rain} '
                     'GROUP BY time(1h), "site", "station")')], width=8),
        stat("최대 누적", "Greatest sum", "The greatest sum in the range, of any gauge.", "lengthmm",
             [influx(f'SELECT max("sum") FROM (SELECT sum("value") FROM "reading" WHERE {rain} '
                     'GROUP BY "site", "station")')], width=8),
        stat("우량계", "Gauges", "How many gauges said something in the range.", "short",
             [influx(f'SELECT count("n") FROM (SELECT count("value") AS "n" FROM "reading" WHERE {rain} '
                     'GROUP BY "site", "station")')], width=8),
        bars("시우량", "Rain by the hour", "Amounts within each clock hour, by site: the mean of its gauges' sums.", "lengthmm",
             [influx(f'SELECT mean("hour") FROM (SELECT sum("value") AS "hour" FROM "reading" WHERE {rain} '
                     'GROUP BY time(1h), "site", "station") WHERE $timeFilter GROUP BY time(1h), "site" fill(0)',
                     alias="$tag_site")], width=24),
        lines("누적 강우", "Accumulated rain", "Running sum from the beginning of the range, by gauge.", "lengthmm",
              [influx(f'SELECT cumulative_sum(sum("value")) FROM "reading" WHERE {rain} '
                      'GROUP BY time($__interval), "site", "station" fill(0)', alias="$tag_site $tag_station")], width=24),
        table("지구별 강우", "Rain by gauge", "The sum and the greatest single amount of each gauge in the range.", "lengthmm",
              [influx(f'SELECT sum("value") AS "sum", max("value") AS "greatest" FROM "reading" WHERE {rain} '
                      'GROUP BY "site", "station", "sensor"', table=True)]),
        measured("토양 수분", "Soil moisture", "What the ground holds after the rain, parts of one.", "percentunit", ["soil-moisture"]),
        measured("간극수압", "Pore pressure", "Pressure of water in the ground, kilopascal.", "pressurekpa", ["pore-pressure"]),
    ]


def operations():
    return [
        stat("판", "Version", "Which version of bongsu runs.", "string",
             [prom("max by (version) (build_info)", "{{version}}", instant=True)], width=4,
             options={"textMode": "name", "colorMode": "none", "graphMode": "none",
                      "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}),
        stat("수집기", "Collectors connected", "Every way in: 1 if it is connected.", "bool_on_off",
             [prom('min by (collector) (ingest_connected)', "{{collector}}", instant=True)],
             width=8, steps=GOOD_FROM_1),
        stat("디스크", "Disk trouble", "1 in one of the states in which the journal is not as it should be.", "bool_yes_no",
             [prom('max by (state) (journal_health{state!="good"})', "{{state}}", instant=True)], width=6,
             steps=BAD_ABOVE_0),
        stat("기록 보관", "Archive", "Whether the archive took the last request.", "bool_on_off",
             [prom("min(archive_up)", "archive", instant=True)], width=6, steps=GOOD_FROM_1),
        lines("수신", "Frames", "Frames taken a second, by collector.", "reqps",
              [prom(f"sum by (collector) (rate(ingest_frames_total{RATE}))", "{{collector}}")]),
        lines("저널 동기화", "Time until on disk", "The slowest sync in a hundred and the median.", "s",
              [prom(f"histogram_quantile(0.99, sum by (le) (rate(journal_fsync_seconds_bucket{RATE})))", "99 %"),
               prom(f"histogram_quantile(0.5, sum by (le) (rate(journal_fsync_seconds_bucket{RATE})))", "50 %", "B")]),
        lines("뒤처짐", "Readers behind the journal", "Records each reader has not seen: the desk decides, the others look on.", "short",
              [prom("max by (reader) (journal_reader_lag_records)", "{{reader}}")]),
        lines("기록 보관 지연", "Archive lag", "Age of the oldest record that is not archived.", "s",
              [prom("max(archive_lag_seconds)", "archive")]),
        lines("기록 보관량", "Points archived", "Points a second that the archive took, and that it refused.", "wps",
              [prom(f"sum(rate(archive_points_written_total{RATE}))", "written"),
               prom(f"sum(rate(archive_points_refused_total{RATE}))", "refused", "B")]),
        lines("저널 크기", "Journal on disk", "Bytes of all segments.", "bytes", [prom("sum(journal_bytes)", "journal")]),
        lines("원장 기록", "Ledger commits", "The slowest commit in a hundred.", "s",
              [prom(f"histogram_quantile(0.99, sum by (le) (rate(ledger_commit_seconds_bucket{RATE})))", "99 %")]),
        lines("상황판 응답", "Board", "The slowest answer in a hundred.", "s",
              [prom(f"histogram_quantile(0.99, sum by (le) (rate(board_request_seconds_bucket{RATE})))", "99 %")]),
        lines("버린 자료", "Dropped and cut", "Frames dropped on the way a second: QoS 0 in overload, too large, partial.", "reqps",
              [prom(f"sum(rate(ingest_frames_dropped_total{RATE})) or vector(0)", "dropped"),
               prom(f"sum(rate(ingest_frames_cut_total{RATE})) or vector(0)", "cut", "B")]),
        lines("로그인 실패", "Failed sign-ins", "Wrong tokens, passwords or links a second.", "reqps",
              [prom(f"sum(rate(board_sign_ins_failed_total{RATE}))", "failed")]),
    ]


DASHBOARDS = [
    ("overview", "봉수 현황 · bongsu overview", overview, [SITES, BOARD], "now-24h", [LEVEL_MOVES, OWN_ALERTS]),
    ("site", "지구 상세 · Site", site, [ONE_SITE, BOARD], "now-7d", [LEVEL_MOVES]),
    ("instruments", "계측기 상태 · Instrument health", instruments, [SITES, BOARD], "now-24h", [OWN_ALERTS]),
    ("incidents", "상황과 전달 · Incidents and deliveries", incidents, [SITES, BOARD], "now-7d", [LEVEL_MOVES]),
    ("rainfall", "강우 · Rainfall", rainfall, [SITES, BOARD], "now-3d", [LEVEL_MOVES]),
    ("operations", "운영 · Daemon operations", operations, [BOARD], "now-6h", [OWN_ALERTS]),
]


def placed(panels):
    """Lays panels out from left to right, a new row where one does not fit."""
    x = y = row = 0
    for number, one in enumerate(panels, 1):
        place = one["gridPos"]
        if x + place["w"] > 24:
            x, y, row = 0, y + row, 0
        place["x"], place["y"] = x, y
        x, row = x + place["w"], max(row, place["h"])
        one["id"] = number
    return panels


def dashboard(name, title, panels, variables, since, annotations):
    return {
        "uid": f"bongsu-{name}", "title": title, "tags": ["bongsu"], "schemaVersion": 39, "version": 1,
        "timezone": "browser", "editable": True, "graphTooltip": 1, "refresh": "30s", "fiscalYearStartMonth": 0,
        "time": {"from": since, "to": "now"}, "timepicker": {}, "templating": {"list": variables},
        "annotations": {"list": annotations},
        "links": [{"type": "dashboards", "tags": ["bongsu"], "title": "봉수 bongsu", "asDropdown": True,
                   "includeVars": True, "keepTime": True, "icon": "external link", "tooltip": "", "url": "",
                   "targetBlank": False},
                  {"type": "link", "tags": [], "title": "상황판 · Board", "asDropdown": False, "includeVars": False,
                   "keepTime": False, "icon": "external link", "tooltip": "", "targetBlank": True,
                   "url": "${board}/sites/${site}" if ONE_SITE in variables else "${board}/"}],
        "panels": placed(panels()),
    }


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "dashboards"
    for name, *rest in DASHBOARDS:
        text = json.dumps(dashboard(name, *rest), ensure_ascii=False, indent=1)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
