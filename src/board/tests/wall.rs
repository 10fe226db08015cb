//! What hangs on the wall.

use alerting::condition::failure_time::forecast::Forecast;

use super::*;
use crate::config::{Form, Layer, LayerKind, Shape};

/// The shelters, and a zone with a name that tries to be markup.
fn layers() -> Vec<Layer> {
    let named = |name: &str, form| Shape { name: name.into(), form };
    let ring = vec![(127.3, 36.3), (127.4, 36.3), (127.4, 36.4), (127.3, 36.3)];
    vec![
        Layer {
            name: text("대피소", "Shelters"),
            kind: LayerKind::Shelter,
            shapes: vec![named("광덕초 체육관", Form::Point((127.39, 36.36)))],
        },
        Layer {
            name: text("붕괴위험지역", "Danger zones"),
            kind: LayerKind::HazardZone,
            shapes: vec![named("<script>", Form::Area(vec![ring]))],
        },
    ]
}

#[tokio::test]
async fn every_site_is_on_the_map_by_colour_shape_and_word() {
    let world = World::with(|state| state.layers = layers()).await;
    night(&world).await;
    let page = world.get_page("/wall").await;
    let marks = page.matches("class=\"place\"").count();
    assert_eq!(marks, world.overview.load().sites.len());
    for (site, look, word) in [
        ("gwang-3", "severe", "심각"),
        ("old-market", "unknown", "확인불가"),
        ("an-2", "caution", "주의"),
    ] {
        let mark = page.split(&format!("href=\"/sites/{site}\" class=\"place\"")).nth(1).unwrap();
        let mark = mark.split("</a>").next().unwrap();
        assert!(mark.contains(&format!("data-look=\"{look}\"")), "{mark}");
        assert!(mark.contains(&format!("<use href=\"#shape-{look}\"")), "{mark}");
        assert!(mark.contains(&format!(": {word}\"")), "{mark}");
    }
    assert!(
        page.contains("<title>광덕초 체육관</title>") && page.contains("data-kind=\"shelter\"")
    );
    assert!(page.contains("<title>&lt;script&gt;</title>"), "names are text");
    let english = body(world.get("/wall?lang=en", OPERATOR).await).await;
    assert!(english.contains("Danger zones") && english.contains("Map of the sites"));
    let now = world.get_page("/wall/now").await;
    assert!(now.contains("id=\"map-places\"") && !now.contains("id=\"map-base\""));
    assert!(now.contains("id=\"channels\"") && now.contains("data-live=\"percent\""));
}

#[tokio::test]
async fn the_worst_stands_first_and_of_equals_what_has_the_least_time_left() {
    let world = World::new().await;
    night(&world).await;
    let order = |page: &str| -> Vec<String> {
        let list = page.split("id=\"sites\"").nth(1).unwrap().split("</section>").next().unwrap();
        let rows = list.split("id=\"site-").skip(1);
        rows.map(|row| row.split('"').next().unwrap().to_owned()).collect()
    };
    let before = order(&world.get_page("/wall/now").await);
    assert!(before.iter().all(|id| id != "rail-12"), "what is normal and seen is not listed");
    world
        .publish(|overview| {
            let registry = &overview.setup.registry;
            let forecast = |hours: u64| Forecast {
                made_at: at(2_400),
                at: at(2_412 + hours * 3_600),
                interval: Some((at(2_412 + hours * 3_000), at(2_412 + hours * 4_000))),
                samples: 30,
                explained: 0.9,
                significance: 9.0,
                slope: -0.05,
                intercept: 2.0,
                origin: None,
            };
            for (site, hours) in [("seo-7", 9), ("an-2", 3)] {
                let index = registry.site(site).unwrap();
                overview.sites[index.index()].level = Level::Warning;
                let series = registry.series().iter().position(|one| {
                    one.name.site.as_str() == site && one.name.sensor.as_str() == "tilt-1"
                });
                if let Some(latest) = &mut overview.latest[series.unwrap()] {
                    latest.forecast = Some(forecast(hours));
                }
            }
        })
        .await;
    let page = world.get_page("/wall/now").await;
    let place = |id: &str| order(&page).iter().position(|one| one == id).unwrap();
    assert!(
        place("gwang-3") < place("an-2") && place("an-2") < place("seo-7"),
        "{:?}",
        order(&page)
    );
    assert!(page.contains("붕괴 추정") && page.contains("class=\"remaining\""), "{page}");
}

#[tokio::test]
async fn names_on_the_map_give_way_to_each_other_and_to_numbers_that_the_list_says() {
    let world = World::new().await;
    night(&world).await;
    world
        .publish(|overview| {
            let mut setup = alerting::setup::Setup::clone(&overview.setup);
            let registry = &setup.registry;
            let together = |site: &reading::registry::Site| reading::registry::Site {
                location: (36.35, 127.38),
                ..site.clone()
            };
            let sites = registry.sites().iter().map(together).collect();
            setup.registry = reading::registry::Registry::new(sites, vec![]);
            overview.setup = Arc::new(setup);
            overview.latest = vec![];
            for site in &mut overview.sites {
                site.level = Level::Warning;
            }
        })
        .await;
    let page = world.get_page("/wall/now").await;
    let numbers: Vec<&str> = page
        .split("class=\"stands-for\"")
        .skip(1)
        .map(|rest| rest.split('>').nth(1).unwrap().split('<').next().unwrap())
        .collect();
    let names = page.split("class=\"place\"").skip(1).filter(|mark| mark.contains("<text"));
    assert_eq!(names.count(), 14, "each has its name or a number");
    for number in numbers {
        assert!(page.contains(&format!("<span class=\"tag strong\">{number}</span>")), "{number}");
    }
    assert!(page.contains("class=\"leader\""), "{page}");
}

#[tokio::test]
async fn how_much_comes_in_is_told_and_one_silent_instrument_is_never_all() {
    let world = World::new().await;
    let page = world.get_page("/wall/now").await;
    assert!(page.contains("data-live=\"percent\">100<"), "{page}");
    world.publish(|overview| overview.sites[0].silent = 1).await;
    let page = world.get_page("/wall/now").await;
    assert!(
        !page.contains("data-live=\"percent\">100<") && page.contains("returns short"),
        "{page}"
    );
    assert!(page.contains("class=\"age\""), "and how old the newest is");
}

#[tokio::test]
async fn of_many_sites_only_those_with_something_to_look_at_count_as_watched() {
    let world = World::new().await;
    let watched = async || {
        let page = world.get_page("/wall/now").await;
        let title = page.split("id=\"sites-title\"").nth(1).unwrap();
        let number = title.split("class=\"number\">").nth(1).unwrap();
        number.split('<').next().unwrap().to_owned()
    };
    world
        .publish(|overview| {
            let calm = &mut overview.sites[0];
            (calm.level, calm.unknown, calm.silent, calm.maintained) = (Level::Normal, false, 0, 0);
            let calm = calm.clone();
            overview.sites = vec![calm; 600];
        })
        .await;
    assert_eq!(watched().await, "0");
    world
        .publish(|overview| {
            for site in &mut overview.sites[..450] {
                site.level = Level::Caution;
            }
        })
        .await;
    assert_eq!(watched().await, "450", "listed or not");
}

#[tokio::test]
async fn what_people_set_is_told_where_the_site_is_looked_at() {
    use alerting::standing::{Scope, Standing, What};
    let world = World::new().await;
    night(&world).await;
    let silence = |site: &str, until: u64| Standing {
        id: format!("silence-{until}"),
        by: "kim".into(),
        reason: "blasting works".into(),
        at: at(0),
        from: at(0),
        until: at(until),
        noted: false,
        what: What::Silence {
            scope: Scope { sites: vec![site.parse().unwrap()], ..Scope::default() },
            severe: false,
        },
    };
    world
        .publish(|overview| {
            overview.standing = vec![silence("gwang-3", 90_000), silence("seo-7", 1)];
        })
        .await;
    let wall = world.get_page("/wall/now").await;
    assert!(wall.contains("알림 중지 1건"), "what is over counts no more: {wall}");
    let here = wall.split("id=\"site-gwang-3\"").nth(1).unwrap().split("</li>").next().unwrap();
    assert!(here.contains("알림 중지"), "{here}");
    let page = world.get_page("/sites/gwang-3").await;
    let place = page.split("id=\"place\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(place.contains("kim: blasting works"), "{place}");
    assert!(!world.get_page("/sites/seo-7").await.contains("blasting works"));
}
