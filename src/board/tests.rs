//! The whole board, in process.

mod access;
mod people;
mod table;
mod geo;
mod tls;
mod pages;
mod wall;
mod incident;
mod administration;
mod criteria;
mod reports;
mod inspections;
mod weight;
mod bad_input;
mod browser;
mod api;
mod orders;
mod past;
mod approval;
mod events;
mod vitals;
mod feed;

use std::time::Duration;

use alerting::{DeliveryState, Level};
use axum::http::header::{
    ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    COOKIE, ETAG, IF_NONE_MATCH, LOCATION, ORIGIN, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE,
};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use futures_util::StreamExt;
use ingest::clock::Clock;
use serde_json::{Value, json};

use super::sample::{
    ADMINISTRATOR, APPROVER, OPERATOR, PASSWORD, VIEWER, World, alert, asked, at, body,
    incident_id, json as read_json, moved, night, owed, quarantined, record, request, settled,
    text, words,
};
use super::*;

fn header(response: &Response, name: impl axum::http::header::AsHeaderName) -> &str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn acknowledge(incident: &str) -> String {
    format!("/api/v1/incidents/{incident}/acknowledge")
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn step(n: u64) -> alerting::Decision {
    moved("an-1", Level::Normal, Level::Attention, 100 + n, text(&n.to_string(), &n.to_string()))
}
