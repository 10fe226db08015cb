//! InfluxDB as published by the `influxdb2` crate: its transport, health, buckets. Lines are written by us, because the
//! crate's own writer escapes neither line ends nor backslashes.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use influxdb2::api::buckets::ListBucketsRequest;
use influxdb2::models::{Bucket, PostBucketRequest, RetentionRule};
use influxdb2::{Client, RequestError};

/// The longest one request may take.
const REQUEST_MAX: Duration = Duration::from_secs(30);

/// How much of an answer is told.
const ANSWER_SHOWN: usize = 300;

/// Where lines go.
pub trait Sink: Send + Sync {
    /// Writes lines; done when the server has them.
    fn write(&self, lines: Bytes) -> BoxFuture<'_, Result<(), Refusal>>;
}

/// Why lines were not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Some line is not acceptable; which, is to be found out.
    #[error("the server refuses the points: {0}")]
    Bad(String),
    /// Too much at once.
    #[error("the server refuses so much at once")]
    TooLarge,
    /// Nothing is wrong with the lines; it may work later.
    #[error("{0}")]
    Later(String),
    /// It will not work before a person has changed something.
    #[error("{0}; check `token`, `org` and `bucket` of [archive]")]
    Denied(String),
}

/// Who we are to the server. Never shown.
#[derive(Clone)]
pub struct Access {
    /// The server's address, without a path.
    pub url: String,
    /// The organisation; empty where the server knows none.
    pub org: String,
    /// Where points go.
    pub bucket: String,
    /// The secret; empty for none.
    pub token: String,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("url", &self.url)
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}

/// What setting up a bucket came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// It was made.
    New,
    /// It was there and is left as it is.
    Found {
        /// How long it keeps points; for good if `None`.
        kept: Option<Duration>,
    },
}

/// A server with InfluxDB's second interface.
pub struct Influx {
    client: Client,
    org: String,
    bucket: String,
    patience: Duration,
}

impl Influx {
    /// A way to the server; it is not asked for yet.
    ///
    /// # Errors
    /// What is wrong with the address, or that there is no TLS.
    pub fn new(access: &Access) -> Result<Self, String> {
        // The crate panics over an address that is none, and drops a path silently.
        let rest =
            access.url.strip_prefix("http://").or_else(|| access.url.strip_prefix("https://"));
        let host = rest.map(|rest| rest.trim_end_matches('/')).filter(|host| !host.is_empty());
        if host.is_none_or(|host| host.contains(['/', '?', '#', '@', ' '])) {
            return Err("it is not http://HOST:PORT or https://HOST:PORT without a path".into());
        }
        let builder = influxdb2::ClientBuilder::new(&*access.url, &*access.org, &*access.token);
        let client = builder.build().map_err(|error| error.to_string())?;
        Ok(Self {
            client,
            org: access.org.clone(),
            bucket: access.bucket.clone(),
            patience: REQUEST_MAX,
        })
    }

    /// Whether the server would take points with this token, bucket and organisation. None is written: who looks at
    /// rights and bucket first says that there are no points, and that is a yes.
    ///
    /// # Errors
    /// What hinders.
    pub async fn try_out(&self) -> Result<(), Refusal> {
        match self.write(Bytes::new()).await {
            Ok(()) | Err(Refusal::Bad(_)) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }

    /// Makes the bucket if it is not there, keeping points for `retention`, for good if there is none.
    ///
    /// # Errors
    /// What hinders: mostly a token that may not.
    pub async fn set_up(&self, retention: Option<Duration>) -> Result<Made, Refusal> {
        self.within(self.client.ready()).await?;
        let request = ListBucketsRequest {
            name: Some(self.bucket.clone()),
            org: Some(self.org.clone()),
            ..ListBucketsRequest::default()
        };
        let found = self.within(self.client.list_buckets(Some(request))).await;
        match found {
            Ok(found) => {
                if let Some(bucket) = found.buckets.iter().find(|one| one.name == self.bucket) {
                    return Ok(Made::Found { kept: kept(bucket) });
                }
            }
            // some servers say so of a bucket that is not there
            Err(Refusal::Denied(_)) => {}
            Err(refusal) => return Err(refusal),
        }
        let organizations =
            self.client.list_organizations(influxdb2::api::organization::ListOrganizationRequest {
                org: Some(self.org.clone()),
                ..Default::default()
            });
        let organizations = self.within(organizations).await?;
        let id = organizations.orgs.into_iter().find_map(|org| org.id);
        let id =
            id.ok_or_else(|| Refusal::Denied(format!("there is no organisation `{}`", self.org)))?;
        let rules = retention.map(|keep| {
            RetentionRule::new(
                influxdb2::models::retention_rule::Type::Expire,
                i32::try_from(keep.as_secs()).unwrap_or(i32::MAX),
            )
        });
        let bucket = PostBucketRequest {
            retention_rules: rules.into_iter().collect(),
            ..PostBucketRequest::new(id, self.bucket.clone())
        };
        self.within(self.client.create_bucket(Some(bucket))).await.map(|()| Made::New)
    }

    async fn within<T>(
        &self,
        request: impl Future<Output = Result<T, RequestError>>,
    ) -> Result<T, Refusal> {
        match tokio::time::timeout(self.patience, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(refusal(&error)),
            Err(_) => Err(Refusal::Later(format!("no answer within {:?}", self.patience))),
        }
    }
}

impl Sink for Influx {
    fn write(&self, lines: Bytes) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(self.within(self.client.write_line_protocol(&self.org, &self.bucket, lines)))
    }
}

fn kept(bucket: &Bucket) -> Option<Duration> {
    let seconds = bucket.retention_rules.first().map_or(0, |rule| rule.every_seconds);
    u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

fn refusal(error: &RequestError) -> Refusal {
    let RequestError::Http { status, text } = error else {
        // What the crate and its client say comes to that it was a request; why it failed is below.
        let cause = error.source().and_then(Error::source);
        return Refusal::Later(chain(cause.unwrap_or(error)));
    };
    let shown: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(ANSWER_SHOWN).collect();
    let answer = format!("the server answered {}: {shown}", status.as_u16());
    match status.as_u16() {
        // a page is not InfluxDB's: who wrote it has not looked at the lines
        400 | 422 if text.trim_start().starts_with('<') => {
            Refusal::Later(format!("{answer}; is there a proxy between?"))
        }
        400 | 422 => Refusal::Bad(answer),
        413 => Refusal::TooLarge,
        401 | 403 | 404 => Refusal::Denied(answer),
        200..=299 => Refusal::Later(format!("{answer}; is there a proxy between?")),
        _ => Refusal::Later(answer),
    }
}

/// What went wrong and why, in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_takes_the_connection_and_says_nothing_is_given_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let access = Access { url, org: "o".into(), bucket: "b".into(), token: "t".into() };
        let server =
            Influx { patience: Duration::from_millis(20), ..Influx::new(&access).unwrap() };
        let Err(Refusal::Later(why)) = server.write(Bytes::from_static(b"m v=1")).await else {
            panic!("nobody answered")
        };
        assert!(why.contains("no answer within 20ms"), "{why}");
    }
}
