//! Devices behind a broker: the same messages as over HTTP, and rollouts as retained messages.
//!
//! ```text
//! PREFIX/COHORT/DEVICE/telemetry | facts | audit    device --> server, QoS 1
//! PREFIX/rollout/MODEL                              server --> device, QoS 1, retained
//! ```
//!
//! Who may write to a device's topics is the broker's to decide, by its access control. Nothing that comes is believed beyond
//! that: a message goes the same way as one over HTTP, and an unknown one changes a counter. A broker that goes away is looked
//! for again; what it had not been given by then is published anew.

use core::time::Duration;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, Publish, QoS, SubscribeFilter, Transport};
use tokio::sync::Notify;

use crate::fleet::Message;
use crate::web::App;

/// What the server is told of a broker.
#[derive(Clone, Copy, Debug)]
pub struct Broker<'o> {
    /// mqtt://HOST:PORT or mqtts://HOST:PORT.
    pub url: &'o str,
    /// How topics begin.
    pub prefix: &'o str,
    /// Authorities that its certificate may come from (PEM).
    pub ca: Option<&'o Path>,
}

/// Environment: who the server is to the broker.
const USER: &str = "KINGLET_MQTT_USER";
const PASSWORD: &str = "KINGLET_MQTT_PASSWORD";

/// Records are short; a broker cannot make the server keep more.
const PACKET_BYTES_MAX: usize = 64 * 1024;
/// Between two attempts to reach the broker.
const PAUSE: Duration = Duration::from_secs(2);
/// Messages of the server's own that wait for the broker.
const WAITING: usize = 64;
/// Between two looks at what is rolled out.
const LOOK: Duration = Duration::from_millis(500);

/// A connection that will be made.
pub struct Mqtt {
    client: AsyncClient,
    events: EventLoop,
    prefix: String,
}

impl Broker<'_> {
    /// A connection to it, which nothing has been sent through yet.
    pub fn prepare(&self) -> Result<Mqtt> {
        let Broker { url, prefix, ca } = *self;
        let wrong = || format!("{url:?} is no broker; write mqtt://HOST:PORT or mqtts://HOST:PORT");
        let (scheme, address) = url.split_once("://").with_context(wrong)?;
        let (host, port) = address.trim_end_matches('/').rsplit_once(':').with_context(wrong)?;
        let port = port.parse().with_context(wrong)?;
        ensure!(!prefix.is_empty() && !prefix.contains(['+', '#']), "{prefix:?} begins no topic");
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
        let name = format!("kinglet-serve-{}", crate::auth::shown(&id));
        let mut options = MqttOptions::new(name, host.trim_matches(['[', ']']), port);
        options.set_keep_alive(Duration::from_secs(30));
        options.set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX);
        match (scheme, ca) {
            ("mqtt", None) => {}
            ("mqtt", Some(_)) => bail!("--mqtt-ca is for mqtts://"),
            ("mqtts", Some(file)) => {
                let ca = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
                options.set_transport(Transport::tls(ca, None, None));
            }
            ("mqtts", None) => bail!("mqtts:// needs --mqtt-ca, the authority of the broker's certificate"),
            _ => bail!(wrong()),
        }
        if let Ok(user) = std::env::var(USER) {
            options.set_credentials(user, std::env::var(PASSWORD).unwrap_or_default());
        }
        let (client, events) = AsyncClient::new(options, WAITING);
        Ok(Mqtt { client, events, prefix: prefix.to_owned() })
    }
}

impl Mqtt {
    /// Listens and publishes, until it is dropped.
    pub async fn run(self, app: Arc<App>) {
        let Mqtt { client, mut events, prefix } = self;
        let connected = Arc::new(Notify::new());
        let publishing = publish(client, prefix.clone(), Arc::clone(&app), Arc::clone(&connected));
        let listening = async {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        tracing::info!("the broker is there");
                        app.repository.metrics().mqtt_connected(true);
                        connected.notify_one();
                    }
                    Ok(Event::Incoming(Packet::Publish(message))) => take(&app, &prefix, &message),
                    Ok(_) => {}
                    Err(error) => {
                        app.repository.metrics().mqtt_connected(false);
                        tracing::warn!(%error, "the broker is not there");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        };
        tokio::join!(listening, publishing);
    }
}

/// Topics are asked for, and everything is published, whenever the broker is there anew; what changes, when it does.
async fn publish(client: AsyncClient, prefix: String, app: Arc<App>, connected: Arc<Notify>) {
    connected.notified().await;
    let mut there: HashMap<String, String> = HashMap::new();
    let mut is_new = true;
    loop {
        if core::mem::take(&mut is_new) {
            there.clear();
            let topics = ["telemetry", "facts", "audit"]
                .map(|what| SubscribeFilter::new(format!("{prefix}/+/+/{what}"), QoS::AtLeastOnce));
            if let Err(error) = client.subscribe_many(topics).await {
                tracing::error!(%error, "nothing is heard from the broker");
            }
        }
        for model in app.rollouts.models() {
            let Some(published) = app.rollouts.published(&model) else { continue };
            if there.get(&model) == Some(&published.etag) {
                continue;
            }
            let topic = format!("{prefix}/rollout/{model}");
            match client.publish_bytes(topic, QoS::AtLeastOnce, true, published.document).await {
                Ok(()) => _ = there.insert(model, published.etag),
                Err(error) => tracing::error!(%error, model, "the rollout is not published"),
            }
        }
        tokio::select! {
            () = connected.notified() => is_new = true,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn take(app: &App, prefix: &str, message: &Publish) {
    let names = message.topic.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/'));
    let mut names = names.into_iter().flat_map(|names| names.split('/'));
    let (cohort, device, what) = (names.next(), names.next(), names.next());
    let message_kind = what.and_then(Message::of_name);
    let (Some(cohort), Some(device), Some(kind), None) = (cohort, device, message_kind, names.next()) else {
        app.repository.metrics().mqtt_message("not_found");
        return;
    };
    match app.take(kind, [cohort, device], &message.payload) {
        Ok(()) => app.repository.metrics().mqtt_message("ok"),
        Err(failure) => {
            tracing::debug!(topic = message.topic, error = failure.message, "a message is not taken");
            app.repository.metrics().mqtt_message(failure.kind.name());
        }
    }
}
