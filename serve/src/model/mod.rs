//! A version of a model that is being served: bytes that were verified once, shared by everybody who runs them.
//!
//! A run borrows an arena from the version's stock and gives it back. Runs of all models together are as many as there are
//! processors ([`Gate`]); the others wait in the order in which they came, at most [`Limits::queue`] a version. Short runs
//! happen on the thread that has read the request, long ones on a thread of their own, so that they hold up nobody's bytes.

mod convert;
mod drift;
mod samples;
mod sequences;

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use kinglet::{Model, Session};
use self_cell::self_cell;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

use self::convert::Job;
pub(crate) use self::convert::{inputs, is_quantized, outputs_of, shape};
use self::drift::Drift;
use self::samples::Samples;
use self::sequences::Sequences;
use crate::failure::{Failure, Kind};
use crate::lock;
use crate::metrics::{ModelLabels, ModelMetrics};
use crate::protocol::{Answer, Request};
use kinglet::AlignedBlob;

self_cell! {
    struct Verified {
        owner: AlignedBlob,
        #[covariant]
        dependent: Model,
    }
}

/// Runs longer than this do not happen where requests are read.
const SHORT: Duration = Duration::from_millis(1);

/// What a version may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests that wait, for each version.
    pub queue: usize,
    /// Runs of one request.
    pub batch: usize,
    /// Sequences that are open, for each version.
    pub sequences: usize,
    /// How long a sequence may be silent.
    pub idle: Duration,
    /// How long a request may take where it says nothing.
    pub deadline: Duration,
    /// Inputs that are kept for another training, for each version.
    pub samples: usize,
    /// Steps of a run, see [`Model::work`].
    pub work: u64,
}

/// As many runs at once as there are processors.
pub type Gate = Arc<Semaphore>;

/// A version that is being served.
pub struct Served {
    name: String,
    version: String,
    model: Verified,
    arenas: Mutex<Vec<AlignedBlob>>,
    gate: Gate,
    limits: Limits,
    waiting: AtomicUsize,
    /// Of a run, on average.
    nanos: AtomicU64,
    sequences: Sequences,
    drift: Option<Mutex<Drift>>,
    samples: Mutex<Samples>,
    metrics: ModelMetrics,
    digest: [u8; 8],
}

/// What came out of the runs of a request.
struct Ran {
    /// For each output the bytes of all runs, one behind the other.
    outputs: Vec<Vec<u8>>,
    clipped: u64,
    elements: u64,
}

impl Served {
    /// Verifies a blob, runs its test vectors, and makes it ready. The error says why it is not taken.
    pub fn load(
        name: &str,
        version: &str,
        bytes: &[u8],
        gate: Gate,
        limits: Limits,
        metrics: ModelMetrics,
    ) -> Result<Self, String> {
        let model = Verified::try_new(AlignedBlob::copy_of(bytes), |bytes| {
            Model::from_bytes_within(bytes, limits.work).map_err(|error| format!("the blob does not load: {error:?}"))
        })?;
        convert::check_ports(model.borrow_dependent())?;
        let served = Served {
            name: name.to_owned(),
            version: version.to_owned(),
            arenas: Mutex::default(),
            gate,
            limits,
            waiting: AtomicUsize::new(0),
            nanos: AtomicU64::new(0),
            sequences: Sequences::new(limits.sequences, limits.idle),
            drift: Drift::of(model.borrow_dependent()).map(Mutex::new),
            samples: Mutex::new(Samples::new(limits.samples)),
            metrics,
            digest: crate::digest(model.borrow_dependent().blob(), bytes),
            model,
        };
        served.try_out()?;
        Ok(served)
    }

    /// The blob's test vectors must come out to the bit, and a run on zeros says how long one takes.
    fn try_out(&self) -> Result<(), String> {
        let mut arena = self.arena();
        let mut session = Session::new(self.model(), &mut arena).map_err(|error| format!("{error:?}"))?;
        let golden = self.model().blob().section(kinglet_blob::SectionKind::Golden);
        if !golden.is_empty() {
            session.self_test().map_err(|error| format!("its test vectors do not come out: {error:?}"))?;
            session.reset();
        }
        for index in 0..self.model().input_count() {
            session.input_raw(index).map_err(|error| format!("{error:?}"))?.fill(0);
        }
        let start = Instant::now();
        session.run().map_err(|error| format!("it does not run: {error:?}"))?;
        self.note_time(start.elapsed());
        self.give_back(arena);
        Ok(())
    }

    /// The verified model.
    pub fn model(&self) -> &Model<'_> {
        self.model.borrow_dependent()
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The start of the blob's digest.
    pub fn digest(&self) -> [u8; 8] {
        self.digest
    }

    /// What metrics call it.
    pub fn labels(&self) -> ModelLabels {
        ModelLabels { model: self.name.clone(), version: self.version.clone() }
    }

    /// What is counted of it.
    pub fn metrics(&self) -> &ModelMetrics {
        &self.metrics
    }

    /// Of a run, on average.
    pub fn mean_run(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }

    /// What was kept for another training, as `.npz`.
    pub fn samples(&self) -> Result<Vec<u8>, Failure> {
        let samples = lock(&self.samples);
        if !samples.is_on() {
            return Err(Failure::new(Kind::NotFound, "no samples are kept: start the server with --samples"));
        }
        samples.npz(self.model()).map_err(|reason| Failure::new(Kind::Internal, reason))
    }

    /// Keeps nothing of that; how many there were.
    pub fn forget_samples(&self) -> usize {
        let mut samples = lock(&self.samples);
        let count = samples.len();
        samples.forget();
        self.metrics.samples(0);
        count
    }

    /// Answers a request: waits for a processor, runs, and counts what came of it.
    pub async fn infer(self: &Arc<Self>, request: &Request) -> Result<Answer, Failure> {
        let start = Instant::now();
        let result = self.answer(request, start).await;
        self.metrics.finished(result.as_ref().err().map(|failure| failure.kind), start.elapsed());
        result
    }

    async fn answer(self: &Arc<Self>, request: &Request, start: Instant) -> Result<Answer, Failure> {
        let job = Job::new(self.model(), request, self.limits.batch)?;
        let timeout = request.timeout.map_or(self.limits.deadline, |asked| asked.min(self.limits.deadline));
        let deadline = tokio::time::Instant::from_std(start + timeout);
        let late = || Failure::new(Kind::Deadline, format!("no answer within {} ms", timeout.as_millis()));
        let ran = if self.model().has_state() {
            self.step_of_sequence(request, job.clone(), deadline, late).await?
        } else {
            let permit = self.enter(deadline, late).await?;
            let job = job.clone();
            let this = Arc::clone(self);
            self.on_a_thread(deadline, late, move || {
                let _permit = permit;
                let mut arena = this.arena();
                let ran = this.run(&job, &mut arena, false);
                this.give_back(arena);
                ran
            })
            .await?
        };
        self.metrics.clipped(ran.clipped, ran.elements);
        let outputs = convert::outputs(self.model(), request, &job, ran.outputs)?;
        Ok(Answer { model: self.name.clone(), version: self.version.clone(), id: request.id.clone(), outputs })
    }

    /// A place in the queue and, when its turn comes, one of the processors.
    async fn enter(
        &self,
        deadline: tokio::time::Instant,
        late: impl Fn() -> Failure,
    ) -> Result<OwnedSemaphorePermit, Failure> {
        if let Ok(permit) = Arc::clone(&self.gate).try_acquire_owned() {
            return Ok(permit);
        }
        let place = Place::take(self)?;
        let permit = timeout_at(deadline, Arc::clone(&self.gate).acquire_owned()).await.map_err(|_| late())?;
        drop(place);
        permit.map_err(|_| Failure::new(Kind::Unavailable, "the server is shutting down"))
    }

    /// Runs here what is short, and elsewhere what is not. A client that goes away, or a deadline, ends the wait and not
    /// the run, which gives back what it has borrowed.
    async fn on_a_thread(
        &self,
        deadline: tokio::time::Instant,
        late: impl Fn() -> Failure,
        run: impl FnOnce() -> Result<Ran, Failure> + Send + 'static,
    ) -> Result<Ran, Failure> {
        if Duration::from_nanos(self.nanos.load(Ordering::Relaxed)) <= SHORT {
            return run();
        }
        let thread = tokio::task::spawn_blocking(run);
        let ended = timeout_at(deadline, thread).await.map_err(|_| late())?;
        ended.map_err(|error| Failure::new(Kind::Internal, format!("the run has ended early: {error}")))?
    }

    async fn step_of_sequence(
        self: &Arc<Self>,
        request: &Request,
        job: Job,
        deadline: tokio::time::Instant,
        late: impl Fn() -> Failure + Copy,
    ) -> Result<Ran, Failure> {
        let Some(sequence) = request.sequence.as_ref() else {
            let what = "keeps state from run to run: give sequence_id, and sequence_start with the first request";
            return Err(Failure::invalid(format!("model {} {what}", self.name)));
        };
        let open = self.sequences.open(sequence, self.model().arena_bytes())?;
        let mut memory = timeout_at(deadline, open.lock_owned()).await.map_err(|_| late())?;
        let permit = self.enter(deadline, late).await?;
        let this = Arc::clone(self);
        let is_start = sequence.is_start;
        let ran = self
            .on_a_thread(deadline, late, move || {
                let _permit = permit;
                this.run(&job, memory.arena(), is_start)
            })
            .await;
        if sequence.is_end {
            self.sequences.close(&sequence.id);
        }
        ran
    }

    fn run(&self, job: &Job, arena: &mut [u8], is_start: bool) -> Result<Ran, Failure> {
        let internal = |what: &dyn core::fmt::Debug| Failure::new(Kind::Internal, format!("the run failed: {what:?}"));
        let bound = if is_start { Session::new(self.model(), arena) } else { Session::resume(self.model(), arena) };
        let mut session = bound.map_err(|error| internal(&error))?;
        let mut ran = Ran { outputs: vec![Vec::new(); self.model().output_count()], clipped: 0, elements: 0 };
        for index in 0..job.runs() {
            let [clipped, elements] = job.write(index, &mut session)?;
            (ran.clipped, ran.elements) = (ran.clipped + clipped, ran.elements + elements);
            // The run may reuse the inputs' memory.
            let seen = self.drift.as_ref().map(|_| self.seen(&mut session));
            let start = Instant::now();
            session.run().map_err(|error| internal(&error))?;
            let took = start.elapsed();
            self.note_time(took);
            if let (Some(drift), Some(seen)) = (&self.drift, seen) {
                self.watch(drift, &session, seen, took);
            }
            for (index, output) in ran.outputs.iter_mut().enumerate() {
                output.extend_from_slice(session.output_raw(index).map_err(|error| internal(&error))?);
            }
        }
        Ok(ran)
    }

    /// The inputs, as far as anybody looks at them after the run.
    fn seen(&self, session: &mut Session<'_, '_>) -> Vec<Vec<u8>> {
        let count = if self.limits.samples > 0 { self.model().input_count() } else { 1 };
        let input = |index| session.input_raw(index).map(|bytes| bytes.to_vec()).unwrap_or_default();
        (0..count).map(input).collect()
    }

    fn watch(&self, drift: &Mutex<Drift>, session: &Session<'_, '_>, seen: Vec<Vec<u8>>, took: Duration) {
        let first = seen.first().map_or(&[][..], Vec::as_slice);
        let (alarm, is_marked) = lock(drift).observe(session, first, took, &self.metrics);
        if let Some(alarm) = alarm {
            tracing::warn!(model = self.name, version = self.version, alarm, "drift");
        }
        if is_marked && self.limits.samples > 0 {
            let mut samples = lock(&self.samples);
            samples.take(|| seen);
            self.metrics.samples(samples.len());
        }
    }

    /// Averages over about the last eight runs.
    fn note_time(&self, took: Duration) {
        let now = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let before = self.nanos.load(Ordering::Relaxed);
        let mean = if before == 0 { now } else { before - before / 8 + now / 8 };
        self.nanos.store(mean, Ordering::Relaxed);
        self.metrics.ran(took);
    }

    fn arena(&self) -> AlignedBlob {
        let kept = lock(&self.arenas).pop();
        kept.unwrap_or_else(|| AlignedBlob::zeroed(self.model().arena_bytes()))
    }

    fn give_back(&self, arena: AlignedBlob) {
        lock(&self.arenas).push(arena);
    }

    /// Forgets sequences that were silent for too long.
    pub fn sweep(&self) {
        self.metrics.sequences(self.sequences.sweep());
    }
}

/// A place in a version's queue, given back when it is dropped.
struct Place<'s>(&'s Served);

impl<'s> Place<'s> {
    fn take(served: &'s Served) -> Result<Self, Failure> {
        let before = served.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Place(served);
        served.metrics.queued(before + 1);
        if before >= served.limits.queue {
            let waiting = format!("{} requests of model {} wait already", before, served.name);
            return Err(Failure::new(Kind::Busy, format!("{waiting}: try again later")));
        }
        Ok(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let before = self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.queued(before.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests;
