//! One channel from its settings: secrets are read, files are opened, clients are made.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use delivery::channel::alertmanager::Alertmanager;
use delivery::channel::cap::{Cap, CapSettings, CapSigner, Gateway, Profile, ReadBack, Store};
use delivery::channel::cell_broadcast::{CellBroadcast, Road};
use delivery::channel::chat::Chat;
use delivery::channel::http::{HttpSettings, Peer};
use delivery::channel::log::Log;
use delivery::channel::mail::{Mail, MailSettings, Mailbox, Past};
use delivery::channel::mqtt::Mqtt;
use delivery::channel::public_address::PublicAddress;
use delivery::channel::relay::Relay;
use delivery::channel::signboard::Signboard;
use delivery::channel::siren::{Siren, SirenSettings};
use delivery::channel::smpp::{Smpp, SmppSettings};
use delivery::channel::sms_http::Agency;
use delivery::channel::webhook::{Webhook, WebhookSettings};
use delivery::contacts::Addresses;
use delivery::receipts::Receipts;
use delivery::{Channel, Live, Operation, Provable, Secret};
use ingest::archive::history::{Asked, HistoryReader, Page};
use reading::id::ChannelId;

use super::Ground;
use crate::config::{self, CellGateway, ChannelKind, HttpUrl, SecretRef, resolve_secret};

/// How long each answer may take when our own feed is read back.
const READ_BACK_MAX: Duration = Duration::from_secs(10);

/// The time between two points of a chart in a mail, and how many it has at most: those of a day.
const CHART_EVERY: Duration = Duration::from_secs(600);
const CHART_POINTS_MAX: usize = 200;

/// A channel, and how it is looked at where it can be.
pub(super) type Built = (Arc<dyn Channel>, Option<Arc<dyn Provable>>);

/// One that can be looked at.
fn provable<C: Channel + Provable + 'static>(channel: C) -> Built {
    let channel = Arc::new(channel);
    (channel.clone(), Some(channel))
}

/// A channel of any kind; the documents of the feed are served by the pages as well.
pub(super) fn channel(
    ground: &Ground<'_, Live>,
    channel: &config::Channel,
    documents: &mut Option<Arc<Store>>,
) -> anyhow::Result<Built> {
    Ok(match &channel.kind {
        ChannelKind::Log => (Arc::new(Log), None),
        ChannelKind::Cap(settings) => {
            let cap = feed(ground, settings, documents)?;
            let own = documents.clone().context("there is a store")?;
            (Arc::new(cap), Some(Arc::new(read_back(ground, own)?)))
        }
        ChannelKind::CapGateway(settings) => {
            let store = store(ground, &settings.cap, Some(&channel.id))?;
            let read_back = settings.read_back.as_ref().map(peer).transpose()?;
            provable(Gateway::new(peer(&settings.http)?, store, settings.proof, read_back))
        }
        ChannelKind::Webhook(settings) => provable(webhook(ground, settings)?),
        ChannelKind::Chat(settings) => provable(chat(ground, settings)?),
        ChannelKind::SmsSmpp(settings) => provable(centre(ground, settings, &channel.id)?),
        ChannelKind::SmsAgency(settings) => provable(agency(ground, settings)?),
        ChannelKind::Mail(settings) => provable(post(ground, settings, &channel.id)?),
        ChannelKind::RelaySiren(settings) => provable(Relay::new(settings.clone())),
        ChannelKind::Mqtt(settings) => provable(topics(ground, settings.simulated)),
        ChannelKind::Signboard(settings) => provable(Signboard::new(
            settings.clone(),
            ground.texts.clone(),
            ground.commands.clone(),
            ground.time.clone(),
        )),
        ChannelKind::CellBroadcast(settings) => provable(CellBroadcast::new(
            peer(&settings.http)?,
            road(ground, settings, &channel.id),
            settings.classes,
            settings.languages.clone(),
            ground.texts.clone(),
        )),
        ChannelKind::PublicAddress(settings) => provable(PublicAddress::new(
            peer(&settings.http)?,
            settings.sound.clone(),
            ground.texts.clone(),
        )),
        ChannelKind::Alertmanager(settings) => {
            let peers = settings.peers.iter().map(peer).collect::<Result<_, _>>()?;
            provable(Alertmanager::new(peers, ground.base_url.clone()))
        }
        ChannelKind::Siren(settings) => {
            let settings = SirenSettings {
                sirens: settings.sirens.clone(),
                duration: settings.duration,
                valid_for: settings.valid_for,
                simulated: settings.simulated,
            };
            provable(Siren::new(settings, ground.commands.clone(), ground.time.clone()))
        }
    })
}

/// Alerts for everybody at the brokers.
pub(super) fn topics<O: Operation>(ground: &Ground<'_, O>, simulated: bool) -> Mqtt<O> {
    let documents = ground.has_cap.then(|| ground.base_url.clone());
    Mqtt::new(ground.commands.clone(), ground.time.clone(), simulated, documents)
}

/// The feed. There is one folder of published documents; whoever made it first shares it.
pub(super) fn feed<O: Operation>(
    ground: &Ground<'_, O>,
    settings: &config::CapSettings,
    shared: &mut Option<Arc<Store>>,
) -> anyhow::Result<Cap> {
    let store = match shared {
        Some(store) => store.clone(),
        None => shared.insert(store(ground, settings, None)?).clone(),
    };
    Ok(Cap::new(store))
}

/// How the feed is read back: by the address others know, without anything of ours.
fn read_back(ground: &Ground<'_, Live>, store: Arc<Store>) -> anyhow::Result<ReadBack> {
    let feed = HttpSettings {
        url: Secret::new(format!("{}/cap/feed.atom", ground.base_url)),
        timeout: READ_BACK_MAX,
        authorities_pem: None,
        authorization: None,
    };
    Ok(ReadBack::new(Peer::new(&feed)?, store))
}

fn store<O: Operation>(
    ground: &Ground<'_, O>,
    settings: &config::CapSettings,
    gateway: Option<&ChannelId>,
) -> anyhow::Result<Arc<Store>> {
    let folder =
        ground.config.data_dir.join(gateway.map_or("cap".into(), |id| format!("cap-{id}")));
    let signer = match &settings.signing {
        None => None,
        Some(signing) => {
            let key = resolve_secret(&signing.key)?;
            let certificate = signing.certificate.as_deref().map(bytes).transpose()?;
            let key = key.expose().as_bytes();
            Some(Arc::new(CapSigner::from_pem(key, certificate.as_deref())?))
        }
    };
    let (store, unreadable) = Store::open(CapSettings {
        folder,
        sender: ground.config.sender_id.clone(),
        sender_name: ground.config.setup.sender.clone(),
        contact: settings.contact.clone(),
        restriction: settings.restriction.clone(),
        base_url: ground.base_url.clone(),
        gateway: gateway.cloned(),
        profile: settings.profile.clone(),
        signer,
    })?;
    for path in unreadable {
        tracing::error!(path = %path.display(), "a published CAP document cannot be read and is left out of the feed");
    }
    Ok(Arc::new(store))
}

pub(super) fn webhook<O: Operation>(
    ground: &Ground<'_, O>,
    settings: &config::WebhookSettings,
) -> anyhow::Result<Webhook> {
    let settings = WebhookSettings {
        http: http(&settings.http)?,
        secret: secret(&settings.secret)?,
        cap_base_url: ground.has_cap.then(|| ground.base_url.clone()),
    };
    Ok(Webhook::new(&settings, ground.time.clone())?)
}

pub(super) fn chat<O: Operation>(
    ground: &Ground<'_, O>,
    settings: &config::ChatSettings,
) -> anyhow::Result<Chat> {
    let room = peer(&settings.http)?;
    Ok(Chat::new(room, ground.texts.clone(), settings.languages.clone()))
}

pub(super) fn centre<O: Operation>(
    ground: &Ground<'_, O>,
    settings: &config::SmppSettings,
    id: &ChannelId,
) -> anyhow::Result<Smpp> {
    let receipts = receipts(ground, id);
    Ok(Smpp::new(smpp(settings)?, ground.texts.clone(), addresses(ground), receipts)?)
}

pub(super) fn agency<O: Operation>(
    ground: &Ground<'_, O>,
    settings: &config::AgencyChannel,
) -> anyhow::Result<Agency> {
    let texts = ground.texts.clone();
    Ok(Agency::new(peer(&settings.http)?, settings.agency.clone(), texts, addresses(ground)))
}

pub(super) fn post<O: Operation>(
    ground: &Ground<'_, O>,
    settings: &config::MailSettings,
    id: &ChannelId,
) -> anyhow::Result<Mail> {
    let mailbox = |folder: &PathBuf| Mailbox::new(folder.clone(), receipts(ground, id));
    let mailbox = settings.mailbox.as_ref().map(mailbox);
    let (texts, past) = (ground.texts.clone(), past(ground.config.data_dir.join("history")));
    Ok(Mail::new(&mail(settings)?, texts, addresses(ground), past, mailbox)?)
}

/// What was measured lately, as far as the history has it.
fn past(folder: PathBuf) -> Past {
    Arc::new(move |series, from, to| {
        let asked = Asked {
            series: series.into(),
            from,
            to,
            every: Some(CHART_EVERY),
            limit: CHART_POINTS_MAX,
        };
        // Opened for each chart: the file may be replaced at any time.
        let page = HistoryReader::new(folder.join("history.sqlite")).read(&asked);
        let page = page.unwrap_or_else(|error| {
            tracing::warn!(%error, "a mail goes without a chart");
            Page::default()
        });
        page.points.iter().map(|point| (point.at, point.mean)).collect()
    })
}

fn receipts<O: Operation>(ground: &Ground<'_, O>, id: &ChannelId) -> Receipts {
    Receipts::new(
        id.clone(),
        ground.ledger.clone(),
        ground.outcomes.clone(),
        ground.metrics.clone(),
        ground.time.clone(),
    )
}

fn addresses<O: Operation>(ground: &Ground<'_, O>) -> Addresses {
    Addresses::new(ground.directory.clone(), ground.time.clone())
}

fn smpp(settings: &config::SmppSettings) -> anyhow::Result<SmppSettings> {
    Ok(SmppSettings {
        host: settings.host.clone(),
        port: settings.port,
        system_id: settings.system_id.clone(),
        password: secret(&settings.password)?,
        system_type: settings.system_type.clone(),
        source: settings.source.clone(),
        window: settings.window,
        timeout: settings.timeout,
        enquire_every: settings.enquire_every,
        test_number: settings.test_number.clone(),
    })
}

fn mail(settings: &config::MailSettings) -> anyhow::Result<MailSettings> {
    let credentials = match &settings.credentials {
        Some((user, password)) => Some((user.clone(), secret(password)?)),
        None => None,
    };
    Ok(MailSettings {
        host: settings.host.clone(),
        port: settings.port,
        security: settings.security,
        credentials,
        authorities_pem: settings.ca_file.as_deref().map(bytes).transpose()?,
        from: settings.from.clone(),
        timeout: settings.timeout,
    })
}

fn road(
    ground: &Ground<'_, Live>,
    settings: &config::CellBroadcastSettings,
    id: &ChannelId,
) -> Road {
    match settings.gateway {
        CellGateway::Json => Road::Json,
        CellGateway::Ecbe => {
            Road::Ecbe { name: ground.config.sender_id.clone(), simulated: settings.simulated }
        }
        CellGateway::Cap => Road::Cap(Box::new(CapSettings {
            folder: PathBuf::new(), // a draft is kept by whoever gets it
            sender: ground.config.sender_id.clone(),
            sender_name: ground.config.setup.sender.clone(),
            contact: ground.config.contact.clone(),
            restriction: String::new(),
            base_url: ground.base_url.clone(),
            gateway: Some(id.clone()),
            profile: Profile::korea(),
            signer: None,
        })),
    }
}

fn peer(settings: &config::HttpSettings) -> anyhow::Result<Peer> {
    Ok(Peer::new(&http(settings)?)?)
}

fn http(settings: &config::HttpSettings) -> anyhow::Result<HttpSettings> {
    let url = match &settings.url {
        HttpUrl::Plain(url) => Secret::new(url.clone()),
        HttpUrl::Secret(reference) => secret(reference)?,
    };
    Ok(HttpSettings {
        url,
        timeout: settings.timeout,
        authorities_pem: settings.ca_file.as_deref().map(bytes).transpose()?,
        authorization: settings.authorization.as_ref().map(secret).transpose()?,
    })
}

fn secret(reference: &SecretRef) -> anyhow::Result<Secret> {
    Ok(Secret::new(resolve_secret(reference)?.expose().trim()))
}

fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
