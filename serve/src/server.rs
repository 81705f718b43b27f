//! The server as a whole: what it is told, its listeners, and how it ends.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::audit::AuditLog;
use crate::auth::Tokens;
use crate::automatic::Automat;
use crate::fleet::Fleet;
use crate::metrics::Metrics;
use crate::model::Limits;
use crate::mqtt::{Broker, Mqtt};
use crate::repository::{Repository, SignaturePolicy};
use crate::rollout::{Rollouts, private_key, seconds};
use crate::traffic::Traffic;
use crate::web::connection::{Listening, listen};
use crate::web::{App, router, tls};

/// What the server is told; `--help` has what it means.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The folder of models: REPOSITORY/NAME/VERSION/model.kgl
    pub repository: PathBuf,
    /// Address of REST and metrics; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8000")]
    pub http: SocketAddr,
    /// Address of gRPC
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8001")]
    pub grpc: SocketAddr,
    /// Load only models that an admin loads
    #[arg(long)]
    pub explicit: bool,
    /// Seconds between two looks at the repository and the file of tokens; 0 looks once
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    pub poll: f64,
    /// Take only blobs that one of these keys has signed (PEM, up to four)
    #[arg(long = "key", value_name = "FILE")]
    pub keys: Vec<PathBuf>,
    /// Refuse blobs with a lower security counter
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub counter: u32,
    /// Lines of ROLE NAME DIGEST: who may do what; `kinglet-serve token` makes them
    #[arg(long, value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// The log of what admins do; without it nobody is one
    #[arg(long, value_name = "FILE")]
    pub audit: Option<PathBuf>,
    /// Listen beyond this machine without tokens or certificates of clients
    #[arg(long)]
    pub open: bool,
    /// The server's certificates (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Clients need a certificate of one of these authorities (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_clients: Option<PathBuf>,
    /// Runs at once; as many as there are processors
    #[arg(long, value_name = "N")]
    pub workers: Option<usize>,
    /// Requests that wait, for each version; more are answered 429
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub queue: usize,
    /// Runs of one request
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub batch: usize,
    /// Milliseconds that a request may take where it does not say less
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    pub deadline: u64,
    /// Bytes of a request
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20)]
    pub body: usize,
    /// Connections at once
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub connections: usize,
    /// Requests a second of each token
    #[arg(long, value_name = "N")]
    pub rate: Option<f64>,
    /// Sequences that are open, for each version
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub sequences: usize,
    /// Seconds of silence that end a sequence
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub idle: u64,
    /// Devices of a cohort that must have told of a version before anything of it is shown
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub cohort_min: usize,
    /// The folder of rollouts: which version which devices run
    #[arg(long, value_name = "FOLDER", requires = "operator")]
    pub rollouts: Option<PathBuf>,
    /// The private key that signs the steps of rollouts (PEM)
    #[arg(long, value_name = "FILE", requires = "keys")]
    pub operator: Option<PathBuf>,
    // A flattened struct here would hide from clap that `Options` is there at all, which it is or is not as a whole.
    /// A broker of MQTT behind which devices are: mqtt://HOST:PORT, or mqtts://HOST:PORT with --mqtt-ca
    #[arg(long, value_name = "URL")]
    pub mqtt: Option<String>,
    /// How topics begin
    #[arg(long, value_name = "TEXT", default_value = "kinglet", requires = "mqtt")]
    pub mqtt_prefix: String,
    /// Authorities that the broker's certificate may come from (PEM)
    #[arg(long, value_name = "FILE", requires = "mqtt")]
    pub mqtt_ca: Option<PathBuf>,
    /// Inputs that are kept of each version for another training, of those that its monitor marks; none without it
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub samples: usize,
    /// Steps of a run at most; blobs that need more are refused
    #[arg(long, value_name = "N", default_value_t = 100_000_000_000)]
    pub work: u64,
    /// Seconds that requests have to end when the server is told to go
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub drain: u64,
}

impl Options {
    fn limits(&self) -> Limits {
        Limits {
            queue: self.queue,
            batch: self.batch.max(1),
            sequences: self.sequences,
            idle: Duration::from_secs(self.idle),
            deadline: Duration::from_millis(self.deadline),
            samples: self.samples,
            work: self.work,
        }
    }

    fn broker(&self) -> Option<Broker<'_>> {
        let url = self.mqtt.as_deref()?;
        Some(Broker { url, prefix: &self.mqtt_prefix, ca: self.mqtt_ca.as_deref() })
    }

    /// Without tokens or certificates the server is for this machine.
    fn check(&self) -> Result<()> {
        let beyond = [self.http, self.grpc].into_iter().find(|address| !address.ip().is_loopback());
        if let Some(address) = beyond
            && self.tokens.is_none()
            && self.tls_clients.is_none()
            && !self.open
        {
            bail!(
                "{address} is reached from other machines: give --tokens or --tls-clients, or --open to let anyone in"
            );
        }
        ensure!(self.rate.is_none_or(|rate| rate > 0.0), "--rate is a number of requests a second");
        ensure!(self.poll.is_finite() && self.poll >= 0.0, "--poll is a number of seconds");
        Ok(())
    }
}

/// A server that listens.
pub struct Server {
    app: Arc<App>,
    listeners: [TcpListener; 2],
    listening: Listening,
    stop: watch::Sender<bool>,
    mqtt: Option<Mqtt>,
    poll: Duration,
    drain: Duration,
}

impl Server {
    /// Reads the repository and opens the ports.
    pub async fn start(options: &Options) -> Result<Self> {
        options.check()?;
        let metrics = Metrics::new();
        let workers = options.workers.or_else(|| std::thread::available_parallelism().ok().map(usize::from));
        let gate = Arc::new(Semaphore::new(workers.unwrap_or(1).max(1)));
        let policy = SignaturePolicy::read(&options.keys, options.counter).map_err(anyhow::Error::msg)?;
        let operator = options.operator.as_deref().map(private_key).transpose()?;
        let rollouts = options.rollouts.as_deref();
        let rollouts = Rollouts::new(rollouts, &policy, operator, Arc::clone(&metrics), seconds());
        let rollouts = rollouts.map_err(anyhow::Error::msg)?;
        let mqtt = options.broker().map(|broker| broker.prepare()).transpose()?;
        let (root, limits) = (options.repository.clone(), options.limits());
        let repository = Repository::new(root, policy, limits, gate, Arc::clone(&metrics), !options.explicit);
        repository.scan()?;
        let tokens = Tokens::new(options.tokens.clone(), options.rate).map_err(anyhow::Error::msg)?;
        let audit = options.audit.as_deref().map(AuditLog::open).transpose().map_err(anyhow::Error::msg)?;
        let app = Arc::new(App {
            repository,
            tokens,
            audit,
            traffic: Traffic::default(),
            fleet: Fleet::new(options.cohort_min),
            rollouts,
            automat: Automat::default(),
            body_bytes_max: options.body,
            request_timeout: Duration::from_millis(options.deadline) + Duration::from_secs(20),
            is_draining: AtomicBool::new(false),
            requests: AtomicU64::new(1),
        });
        let tls = match (&options.tls_cert, &options.tls_key) {
            (Some(certificates), Some(key)) => {
                let clients = options.tls_clients.clone();
                let files = tls::Files { certificates: certificates.clone(), key: key.clone(), clients };
                Some(tls::acceptor(&files).map_err(anyhow::Error::msg)?)
            }
            _ => None,
        };
        let (stop, stopped) = watch::channel(false);
        let listening = Listening {
            router: router(Arc::clone(&app)),
            tls,
            connections: Arc::new(Semaphore::new(options.connections.max(1))),
            metrics,
            stop: stopped,
        };
        let listeners = [bind(options.http).await?, bind(options.grpc).await?];
        let (poll, drain) = (Duration::from_secs_f64(options.poll), Duration::from_secs(options.drain));
        Ok(Server { app, listeners, listening, stop, mqtt, poll, drain })
    }

    /// Where HTTP and gRPC are.
    pub fn addresses(&self) -> Result<[SocketAddr; 2]> {
        let [http, grpc] = &self.listeners;
        Ok([http.local_addr()?, grpc.local_addr()?])
    }

    /// What requests are answered from.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Serves until `end` comes: then it is no longer ready, takes no new connections, and waits for what was begun. True
    /// when all of that has ended in time.
    pub async fn run(self, end: impl Future<Output = ()>) -> bool {
        let Server { app, listeners: [http, grpc], listening, stop, mqtt, poll, drain } = self;
        let looking = tokio::spawn(look_after(Arc::clone(&app), poll));
        let devices = mqtt.map(|mqtt| tokio::spawn(mqtt.run(Arc::clone(&app))));
        let both = [http, grpc].map(|listener| tokio::spawn(listen(listener, listening.clone(), drain)));
        end.await;
        app.is_draining.store(true, Ordering::Relaxed);
        let _ = stop.send(true);
        let mut all = true;
        for listener in both {
            all &= listener.await.unwrap_or(false);
        }
        looking.abort();
        if let Some(devices) = devices {
            devices.abort();
        }
        all
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// Looks at the repository and the tokens from time to time, and ends silent sequences.
async fn look_after(app: Arc<App>, poll: Duration) {
    let is_polling = !poll.is_zero();
    let mut ticks = tokio::time::interval(if is_polling { poll } else { Duration::from_secs(5) });
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let app = Arc::clone(&app);
        let look = move || {
            app.repository.catalog().served().for_each(|served| served.sweep());
            app.look();
            if !is_polling {
                return;
            }
            if let Err(error) = app.repository.scan() {
                tracing::error!(%error, "the repository cannot be read");
            }
            if let Err(error) = app.tokens.reload() {
                tracing::error!(error, "the tokens stay as they were");
            }
        };
        // Reads files and verifies blobs.
        let _ = tokio::task::spawn_blocking(look).await;
    }
}
