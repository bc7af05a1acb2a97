//! What is drawn for a run before it begins: the cluster, the clients, which faults are on and how
//! often they come (swarm testing, Groce et al.).
//!
//! Guarantees: a seed is one [`Settings`]; narrowing them ([`Narrowed`]) leaves everything else as it
//! was drawn, because each part has its own stream of chance.
//!
//! Not here: what the faults do; see `nemesis`.

use std::time::Duration;

use wire::{Mode, ReplicaName};

use crate::ivy::Workload;
use crate::nemesis::{FAULTS, Fault, NOT_IVY, ONLY_IVY};
use crate::plan::{Plan, name};
use crate::random::{Random, Span};

/// The least that a run lasts, in its own time.
pub(crate) const WHOLE: Duration = Duration::from_secs(120);

/// Everything that a run is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The cluster.
    pub plan: Plan,
    /// Which faults there are.
    pub(crate) faults: Vec<Fault>,
    /// Percentage of the unfinished writes that a crash of the RM does not undo.
    pub disk_keeps: u64,
    /// How long faults happen.
    pub safety: Duration,
    /// From one fault to the next.
    pub between_faults: Span,
    /// From one request to the next, of all clients together.
    pub between_requests: Span,
    /// From a fault to its repair.
    pub repair_after: Span,
    /// What is typed at Ivy's processes, if they are the clients.
    pub(crate) workload: Option<Workload>,
    /// What of it is left out.
    pub narrowed: Narrowed,
}

/// What is played, and who judges it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Game {
    /// The status register: every property of the replication.
    #[default]
    Register,
    /// Ivy: what it promises, and the replication of its manager.
    Ivy,
    /// Ivy, and only what it promises.
    IvyAlone,
}

/// A part of a run: what it does with less than what was drawn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrowed {
    /// How many servers.
    pub servers: Option<u64>,
    /// How many clients.
    pub clients: Option<u64>,
    /// How many requests, and then no more.
    pub requests: Option<u64>,
    /// When faults stop.
    pub safety: Option<Duration>,
    /// Which faults happen, by their numbers in the run.
    pub only: Option<Vec<u64>>,
}

impl Narrowed {
    /// Whether a fault happens.
    #[must_use]
    pub fn allows(&self, fault: u64) -> bool {
        self.only.as_ref().is_none_or(|only| only.binary_search(&fault).is_ok())
    }

    /// The arguments that ask for this part.
    #[must_use]
    pub fn arguments(&self) -> String {
        let mut text = String::new();
        let mut push = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                text += &format!(" --{name} {value}");
            }
        };
        push("servers", self.servers.map(|n| n.to_string()));
        push("clients", self.clients.map(|n| n.to_string()));
        push("requests", self.requests.map(|n| n.to_string()));
        push("faults-for", self.safety.map(|d| format!("{}ms", d.as_millis())));
        let numbers = |only: &Vec<u64>| {
            let all: Vec<String> = only.iter().map(u64::to_string).collect();
            if all.is_empty() { "none".to_owned() } else { all.join(",") }
        };
        push("only-faults", self.only.as_ref().map(numbers));
        text
    }
}

impl Settings {
    /// What is drawn for that seed.
    #[must_use]
    pub fn draw(seed: u64, narrowed: Narrowed) -> Self {
        let mut random = stream(seed, 0);
        let mut plan = draw_plan(seed, &mut random);
        plan.servers = narrowed.servers.unwrap_or(plan.servers).max(1);
        plan.clients = narrowed.clients.unwrap_or(plan.clients).max(1);
        plan.short_clients = plan.short_clients.min(plan.clients);
        let fits = |name: &ReplicaName| plan.server_names().contains(name);
        plan.prefer = plan.prefer.filter(fits);
        let mut random = stream(seed, 1);
        let on = random.between(5, 70);
        let faults = FAULTS.iter().copied().filter(|_| random.chance(on)).collect();
        let pace = *random.pick(&PACES).unwrap_or(&PACES[0]);
        let gap = random.between(20_000, 600_000);
        let repair = random.between(200_000, 15_000_000);
        let safety = Duration::from_millis(random.between(90_000, 130_000));
        Self {
            plan,
            faults,
            disk_keeps: random.below(101),
            safety: narrowed.safety.unwrap_or(safety),
            between_faults: Span::micros(1000, pace),
            between_requests: Span::micros(1000, gap),
            repair_after: Span::micros(10_000, repair),
            workload: None,
            narrowed,
        }
    }

    /// The same with Ivy: its processes are the clients, who hold what others wait for.
    #[must_use]
    pub fn ivy(seed: u64, narrowed: Narrowed) -> Self {
        let mut settings = Self::draw(seed, narrowed);
        let mut random = stream(seed, 4);
        settings.workload = Some(Workload::draw(&mut settings.plan, &mut random));
        settings.faults.retain(|fault| !NOT_IVY.contains(fault));
        settings.faults.extend(ONLY_IVY.iter().filter(|_| random.chance(50)));
        settings.between_requests = Span::micros(1000, random.between(2_000, 200_000));
        settings.repair_after = Span::micros(10_000, random.between(200_000, 10_000_000));
        settings
    }
}

/// The longest times between two faults, in microseconds: from a storm to a calm sea.
const PACES: [u64; 7] = [150_000, 500_000, 1_500_000, 1_500_000, 4_000_000, 4_000_000, 10_000_000];

/// The stream of chance of one part of a run.
pub(crate) fn stream(seed: u64, part: u64) -> Random {
    Random::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ part.wrapping_mul(0x5eed_0bad_cafe_f00d))
}

/// Draws a cluster.
fn draw_plan(seed: u64, random: &mut Random) -> Plan {
    let mode = if random.chance(50) { Mode::Active } else { Mode::Passive };
    let mut plan = Plan::new(mode);
    let millis = Duration::from_millis;
    plan.seed = seed;
    plan.servers = *random.pick(&[1, 2, 2, 3, 3, 3, 3, 4, 5, 6, 7]).unwrap_or(&3);
    plan.clients = random.between(1, 8);
    plan.short_clients = random.below(plan.clients + 1).min(random.below(3));
    plan.window = u32::try_from(random.between(1, 8)).unwrap_or(1);
    plan.sessions = random.chance(10).then(|| usize::try_from(random.between(2, 6)).unwrap_or(2));
    if plan.sessions.is_some() {
        // An evicted client of the documents cannot be told from a new one.
        plan.short_clients = 0;
    }
    plan.heartbeat_period = millis(*random.pick(&[50, 100, 200, 500, 1000]).unwrap_or(&100));
    plan.heartbeat_timeout = (plan.heartbeat_period * 2).max(millis(1000));
    plan.hung_grace = millis(random.between(500, 10_000));
    plan.checkpoint_period = millis(*random.pick(&[100, 500, 2000, 10_000]).unwrap_or(&2000));
    plan.frame_limit = *random.pick(&[1024, 4096, 65_536]).unwrap_or(&65_536);
    plan.prefer = random.chance(40).then(|| {
        let n = random.between(1, plan.servers);
        ReplicaName::from(name(&format!("S{n}")))
    });
    plan.hold_down = millis(random.between(1000, 10_000));
    plan.wall_clock = Duration::from_secs(3600);
    plan.clocks_set_back = *random.pick(&[0, 0, 50]).unwrap_or(&0);
    draw_speeds(&mut plan, random);
    plan
}

/// Draws how fast its network, machines, disk and clocks are.
fn draw_speeds(plan: &mut Plan, random: &mut Random) {
    let pick = |random: &mut Random, spans: &[(u64, u64)]| {
        let (least, most) = *random.pick(spans).unwrap_or(&(50, 500));
        Span::micros(least, most)
    };
    plan.latency = pick(random, &[(20, 300), (50, 500), (100, 5000), (1000, 40_000)]);
    plan.scheduling = pick(random, &[(1, 20), (5, 100), (5, 5000), (1, 60_000)]);
    plan.disk = pick(random, &[(100, 3000), (1000, 50_000), (10_000, 500_000)]);
    plan.launch.most = random.between(3000, 200_000);
    plan.skew = *random.pick(&[0, 0, 200, 50_000]).unwrap_or(&0);
    plan.write_limit = *random.pick(&[8 << 20, 8 << 20, 512 << 10]).unwrap_or(&(8 << 20));
    plan.bytes = random.chance(25);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrowing_changes_nothing_else() {
        let whole = Settings::draw(7, Narrowed::default());
        let narrowed = Narrowed { clients: Some(1), only: Some(vec![3, 9]), ..Narrowed::default() };
        let part = Settings::draw(7, narrowed);
        assert_eq!((whole.plan.servers, &whole.faults), (part.plan.servers, &part.faults));
        assert_eq!((whole.safety, whole.between_faults), (part.safety, part.between_faults));
        assert_eq!(part.plan.clients, 1);
        assert!(part.narrowed.allows(9) && !part.narrowed.allows(4));
        assert_eq!(part.narrowed.arguments(), " --clients 1 --only-faults 3,9");
    }
}
