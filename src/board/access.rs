//! Who is asking, whether they may, there, and whether it was they who asked.
//!
//! Who is let in may look at everything: a slope does not end at a district's border. What somebody orders holds in
//! their areas: at the site of the path's `{site}` or `{id}`, at the sites that what is sent names, or everywhere.

use std::net::{IpAddr, Ipv4Addr};

use alerting::setup::Setup;
use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::{Kind, Problem};
use super::throttle::WINDOW_SECS;
use super::tokens::Digest;
use super::{App, Peer, Shared, words};
use crate::people::{Person, Role, Scope};

/// The cookie that holds a session's secret.
pub(super) const SESSION: &str = "bongsu-session";

/// Where people look after their own password and second factor: theirs whatever their role.
const OWN: &str = "/account";

/// Who is asking, and by which session if by one. Handlers behind [`require`] take it as an argument.
#[derive(Clone)]
pub(super) struct Asking {
    pub person: Person,
    pub session: Option<Digest>,
    /// Whether this session may answer for the public: a second factor was given.
    pub second: bool,
    /// Whether they are a user, with a password to change.
    pub user: bool,
    must_change: bool,
    /// Their token, and what it is good for, if they came by one.
    token: Option<(Digest, Scope)>,
    /// Where the request came from, as far as the socket knows.
    pub peer: IpAddr,
}

impl Asking {
    /// From where somebody orders something: the door, and the address it was opened from.
    pub(super) fn from(&self) -> String {
        let door = if self.session.is_some() { "board" } else { "api" };
        format!("{door} {}", self.peer)
    }

    /// Whether they may do at a site what takes this role.
    pub(super) fn may(&self, role: Role, setup: &Setup, site: &str) -> bool {
        let district = words::site(setup, site).map_or("", |site| &site.district);
        self.person.role >= role
            && self.person.areas.covers(site, district)
            && !(role == Role::Approver && self.lacks_second_factor())
    }

    /// The same once they have given a second factor.
    pub(super) fn strengthened(self) -> Self {
        Self { second: true, ..self }
    }

    /// Whether the session or the token they came by is still good.
    pub(super) fn lasts(&self, app: &App) -> bool {
        let tokens = &app.state.tokens;
        let session = self.session.is_none_or(|session| tokens.session(&session).is_some());
        session && self.token.is_none_or(|(token, _)| tokens.bearer(&token).is_some())
    }

    /// Whether an approval of theirs is refused until they have given a second factor.
    pub(super) fn lacks_second_factor(&self) -> bool {
        self.session.is_some() && !self.second
    }
}

impl<S: Sync> FromRequestParts<S> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(|| Kind::NotSignedIn.into())
    }
}

/// Lets a request through if whoever asks has the role, and asked on purpose.
pub(super) async fn require(
    State((app, role)): State<(Shared, Role)>,
    mut request: Request,
    next: Next,
) -> Response {
    match admit(&app, role, &request) {
        Ok(asking) => {
            request.extensions_mut().insert(asking);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

fn admit(app: &App, role: Role, request: &Request) -> Result<Asking, Problem> {
    let asking = identify(app, request.headers(), || peer(request))?;
    let path = request.uri().path();
    let own = path.starts_with(OWN);
    if asking.must_change && !own {
        return Err(Kind::PasswordChange.into());
    }
    let metrics_alone = asking.token.is_some_and(|(_, scope)| scope == Scope::Metrics);
    if asking.person.role < role || metrics_alone && path != "/metrics" {
        return Err(refused(&asking, path, Kind::NotAllowed));
    }
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(asking);
    }
    // A browser adds the cookie to whatever page asks; it adds this header, or our origin, to our pages only.
    if asking.session.is_some() && !on_purpose(app, request.headers()) {
        return Err(Kind::CrossSite.into());
    }
    if role == Role::Approver && asking.lacks_second_factor() {
        return Err(refused(&asking, path, Kind::SecondFactor));
    }
    let named = !says_where(request) && !reaches(app, &asking, request);
    if !own && !asking.person.areas.is_everywhere() && named {
        return Err(refused(&asking, path, Kind::NotHere));
    }
    Ok(asking)
}

fn refused(asking: &Asking, path: &str, kind: Kind) -> Problem {
    let person = &asking.person;
    tracing::warn!(by = %person.name, role = person.role.name(), areas = %person.areas, path, why = kind.key(), "not allowed");
    kind.into()
}

/// Whether what a request sends says which sites it is about: its handler looks whether they are theirs.
fn says_where(request: &Request) -> bool {
    let pattern = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    pattern.is_some_and(|pattern| {
        let kind = pattern.strip_suffix("/{standing}/end").unwrap_or(pattern);
        let kinds = ["silences", "maintenance", "reports", "zeros"];
        kind.strip_prefix("/api/v1/").is_some_and(|kind| kinds.contains(&kind))
    })
}

/// Whether somebody's areas cover the site that the path of a request names.
fn reaches(app: &App, asking: &Asking, request: &Request) -> bool {
    let Some(pattern) = request.extensions().get::<MatchedPath>() else { return false };
    let mut parts = pattern.as_str().split('/').zip(request.uri().path().split('/'));
    let site = parts.find_map(|(pattern, part)| match pattern {
        "{site}" => Some(part),
        "{id}" | "{key}" => words::site_of(part),
        _ => None,
    });
    let facts = app.live.facts();
    site.is_some_and(|site| asking.may(Role::Viewer, &facts.overview.setup, site))
}

fn identify(app: &App, headers: &HeaderMap, peer: impl Fn() -> IpAddr) -> Result<Asking, Problem> {
    if let Some(given) = headers.get(AUTHORIZATION) {
        let bearer = given.to_str().ok().and_then(|text| text.split_once(' '));
        let token = bearer
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        let digest = token.map(Digest::of);
        let found = digest.and_then(|digest| Some((digest, app.state.tokens.bearer(&digest)?)));
        return match found {
            Some((digest, (person, scope))) => Ok(Asking {
                person,
                session: None,
                second: false,
                user: false,
                must_change: false,
                token: Some((digest, scope)),
                peer: peer(),
            }),
            None => Err(failed(app, peer())),
        };
    }
    let asking = session(app, headers).map(|asking| Asking { peer: peer(), ..asking });
    asking.ok_or_else(|| Kind::NotSignedIn.into())
}

/// Who has the session of the request's cookie.
pub(super) fn session(app: &App, headers: &HeaderMap) -> Option<Asking> {
    let key = Digest::of(cookie(headers, SESSION)?);
    let entered = app.state.tokens.session(&key)?;
    Some(Asking {
        person: entered.person,
        session: Some(key),
        second: entered.second,
        user: entered.user,
        must_change: entered.must_change,
        token: None,
        peer: Ipv4Addr::LOCALHOST.into(),
    })
}

/// Counts a failed sign-in, and what to answer.
pub(super) fn failed(app: &App, peer: IpAddr) -> Problem {
    app.metrics.sign_ins_failed.inc();
    if app.throttle.failed(peer, app.state.tokens.clock().at()) {
        return Problem::from(Kind::TooMany).retry_after(WINDOW_SECS);
    }
    tracing::warn!(%peer, "a sign-in failed");
    Kind::NotSignedIn.into()
}

/// Whether a page of ours asked, or a program that is not a browser.
pub(super) fn on_purpose(app: &App, headers: &HeaderMap) -> bool {
    if says(headers, "sec-fetch-site", "cross-site") {
        return false;
    }
    says(headers, "x-requested-with", "bongsu")
        || headers.get(ORIGIN).is_some_and(|_| from_here(app, headers))
}

/// Whether a form was sent from a page of ours; what sends no origin is no browser of today.
pub(super) fn form_from_here(app: &App, headers: &HeaderMap) -> bool {
    !says(headers, "sec-fetch-site", "cross-site")
        && (headers.get(ORIGIN).is_none() || from_here(app, headers))
}

fn from_here(app: &App, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = text(ORIGIN) else { return false };
    let public =
        app.state.public_url.as_deref().is_some_and(|url| authority(url) == authority(origin));
    public || text(HOST).is_some_and(|host| authority(origin) == Some(host))
}

/// `host:port` of an address.
fn authority(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.split('/').next().filter(|authority| !authority.is_empty())
}

fn says(headers: &HeaderMap, name: &str, value: &str) -> bool {
    headers.get(name).is_some_and(|given| given.as_bytes() == value.as_bytes())
}

/// The value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).find_map(|pair| {
        let (given, value) = pair.trim().split_once('=')?;
        (given == name).then_some(value)
    })
}

/// Where a request came from. Without a socket, as in tests, it came from here.
pub(super) fn peer(request: &Request) -> IpAddr {
    let Whence(address) = request.extensions().get().copied().unwrap_or_default();
    address
}

/// Where a request came from, once proxies were asked.
#[derive(Clone, Copy)]
struct Whence(IpAddr);

impl Default for Whence {
    fn default() -> Self {
        Self(Ipv4Addr::LOCALHOST.into())
    }
}

/// Finds out where a request came from: the socket's other end, or whom a proxy of ours names in
/// `X-Forwarded-For`. What anybody else writes there is not believed.
pub(super) async fn trace(State(app): State<Shared>, mut request: Request, next: Next) -> Response {
    let socket = request.extensions().get().map(|ConnectInfo(Peer(address))| address.ip());
    let Whence(here) = Whence::default();
    let from = came_from(socket.unwrap_or(here), request.headers(), &app.state.proxies);
    request.extensions_mut().insert(Whence(from));
    next.run(request).await
}

/// The last of the named that is no proxy of ours; each proxy adds whom it heard at the end.
fn came_from(socket: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for").into_iter();
    let named = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    let named: Vec<Option<IpAddr>> = named.map(|name| name.trim().parse().ok()).collect();
    let mut from = socket;
    for name in named.into_iter().rev() {
        match name {
            Some(name) if proxies.contains(&from.to_canonical()) => from = name,
            _ => break,
        }
    }
    from
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "a=1; xbongsu-session=no".parse().unwrap());
        headers.append(COOKIE, "bongsu-session=yes;b=2".parse().unwrap());
        assert_eq!(cookie(&headers, SESSION), Some("yes"));
        assert_eq!(cookie(&headers, "c"), None);
    }

    #[test]
    fn only_our_proxies_are_believed() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let (near, far) = (ip("127.0.0.1"), ip("10.0.0.9"));
        // socket, headers, where it came from
        let table = [
            ("192.0.2.1", &["198.51.100.7"][..], "192.0.2.1"),
            ("127.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("::ffff:127.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["203.0.113.9", "198.51.100.7, 10.0.0.9"], "198.51.100.7"),
            ("127.0.0.1", &["203.0.113.9, nonsense"], "127.0.0.1"),
            ("127.0.0.1", &[], "127.0.0.1"),
        ];
        for (socket, lines, from) in table {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            assert_eq!(
                came_from(ip(socket), &headers, &[near, far]),
                ip(from),
                "{socket} {lines:?}"
            );
            assert_eq!(came_from(ip(socket), &headers, &[]), ip(socket), "{socket} {lines:?}");
        }
    }

    #[test]
    fn authorities_are_compared_whole() {
        assert_eq!(authority("https://board.example.kr/x"), Some("board.example.kr"));
        assert_eq!(authority("http://[::1]:8080"), Some("[::1]:8080"));
        for bad in ["null", "https://", "board.example.kr"] {
            assert_eq!(authority(bad), None, "{bad}");
        }
    }
}
