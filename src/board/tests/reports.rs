//! Reports on paper.

use super::*;

const INCIDENT: &str = "/reports/incidents/live_gwang-3_slope-failure_14007";

#[tokio::test]
async fn every_report_says_what_it_is_about_in_both_languages() {
    let world = World::new().await;
    night(&world).await;
    for (path, korean, english) in [
        ("/reports", "근무 교대 보고서", "Shift hand-over"),
        ("/reports/shift", "광덕산 3지구", "Gwangdeok 3"),
        ("/reports/month?month=2026-07", "gwang-3/box-1/rain-1/rain", "Share"),
        (INCIDENT, "광덕산 3지구", "Deliveries and receipts"),
    ] {
        let page = world.get_page(path).await;
        assert!(page.replace("&#x2f;", "/").contains(korean), "{path}\n{page}");
        let sign = if path.contains('?') { '&' } else { '?' };
        let page = body(world.get(&format!("{path}{sign}lang=en"), OPERATOR).await).await;
        assert!(page.contains(english), "{path}");
    }
    for (path, status) in [
        ("/reports/shift?hours=0", StatusCode::BAD_REQUEST),
        ("/reports/shift?hours=18446744073709551615", StatusCode::BAD_REQUEST),
        ("/reports/month?month=2026-99", StatusCode::BAD_REQUEST),
        ("/reports/month?month=2026-07&csv=99", StatusCode::NOT_FOUND),
        ("/reports/incidents/nothing", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(world.get(path, VIEWER).await.status(), status, "{path}");
    }
}

#[tokio::test]
async fn what_was_refused_is_counted_however_much_it_was_and_what_is_cut_is_said() {
    let world = World::new().await;
    night(&world).await;
    let position = world.ledger.position() + 1;
    let rows = (0..700).map(|_| quarantined(position, "a/b", "x"));
    let batch = delivery::Batch { quarantine: rows.collect(), ..delivery::Batch::default() };
    world.ledger.commit(position, at(position), &batch).unwrap();
    let month = body(world.get("/reports/month?month=2026-07&csv=3", VIEWER).await).await;
    assert!(month.contains("field,not-json,700"), "{month}");
    let june = body(world.get("/reports/month?month=2026-06&csv=3", VIEWER).await).await;
    assert!(!june.contains("not-json"), "{june}");
    assert!(!world.get_page("/reports/shift?hours=72").await.contains("더 있습니다"));
    world.decide((0..600).map(step)).await;
    assert!(world.get_page("/reports/shift?hours=72").await.contains("더 있습니다"));
}

#[tokio::test]
async fn every_table_of_a_report_is_a_spreadsheet_too() {
    let world = World::new().await;
    night(&world).await;
    let page = world.get_page("/reports/month?month=2026-07").await;
    let tables = page.matches("csv=").count();
    assert_eq!(tables, 4, "{page}");
    for table in 0..tables {
        let answer = world.get(&format!("/reports/month?month=2026-07&csv={table}"), VIEWER).await;
        assert_eq!(header(&answer, CONTENT_TYPE), "text/csv; charset=utf-8");
        assert!(header(&answer, "content-disposition").starts_with("attachment"));
        let text = body(answer).await;
        assert!(text.starts_with('\u{feff}') && text.ends_with("\r\n"), "{text}");
    }
    let each = body(world.get(&format!("{INCIDENT}?csv=0"), VIEWER).await).await;
    assert!(each.contains("광덕산 3지구"), "{each}");
}
