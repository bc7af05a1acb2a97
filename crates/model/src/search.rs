//! The search: breadth-first through every world that can be reached within a scope.
//!
//! Guarantees: every world is visited once, so the first violation found has a shortest trace; the
//! number of worlds is the same on every machine.
//!
//! Not here: what can happen (`moves`) and what must hold (`properties`).

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use node::mutant;
use xxhash_rust::xxh3::xxh3_64;

use crate::library::Library;
use crate::moves::{self, Move, Told};
use crate::properties::{self, Violation};
use crate::recovery;
use crate::scope::{self, Scope};
use crate::table::Table;
use crate::turn;
use crate::world::{Budget, World};

/// How a world was reached: from which one, by which move.
type Step = (u32, u16);

/// How the search came to where it is: for a program that ends in a panic.
#[derive(Debug, Default)]
pub struct Trail {
    /// By the number of a world; the first has none before it.
    steps: Vec<Step>,
    /// What is being played.
    now: Step,
}

/// A trail that can be read from elsewhere.
pub type SharedTrail = Arc<Mutex<Trail>>;

impl Trail {
    /// The moves to what is being played, and that move itself.
    fn moves(&self) -> Vec<Move> {
        let mut moves = vec![Move::unpack(self.now.1)];
        let mut at = self.now.0;
        while at != 0 {
            let (before, happens) = self.steps[at as usize];
            moves.push(Move::unpack(happens));
            at = before;
        }
        moves.reverse();
        moves
    }

    /// What is being played, from the beginning, for people.
    #[must_use]
    pub fn story(&self, scope: &Scope) -> Vec<String> {
        mutant::switch_off(scope.mutant);
        let mut library = Library::new(scope.clone());
        let Ok(mut world) = first(&mut library) else {
            return vec!["the servers do not even come together".to_owned()];
        };
        let moves = self.moves();
        let mut story = Vec::new();
        for (place, happens) in moves.iter().enumerate() {
            story.push(format!("{:>4}  {}", place + 1, Told(&library, &world, *happens)));
            if place + 1 < moves.len() {
                match turn::play(&mut library, &world, *happens) {
                    Ok(next) => world = next,
                    Err(violation) => story.push(violation.to_string()),
                }
            }
        }
        story
    }
}

/// A property that does not hold, and how it comes to that.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What is wrong.
    pub violation: Violation,
    /// The shortest way there.
    pub story: Vec<String>,
}

/// What a search has found.
#[derive(Debug, Clone)]
pub struct Report {
    /// Within which bounds.
    pub scope: Scope,
    /// How many worlds there are.
    pub worlds: usize,
    /// How many moves lead from one to another.
    pub moves: usize,
    /// The longest of the shortest ways to a world.
    pub depth: usize,
    /// In how many worlds nothing is left to happen.
    pub ends: usize,
    /// From how many of those time alone had to bring everything back.
    pub recovered: usize,
    /// How many worlds were not followed because the next view would be one too many.
    pub beyond: usize,
    /// In how many states each single process was.
    pub processes: usize,
    /// How many inputs were played by roles.
    pub inputs: usize,
    /// Whether nothing was left out.
    pub complete: bool,
    /// What does not hold.
    pub failure: Option<Failure>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worlds, moves, depth, ends, recovered, beyond, processes, inputs, .. } = self;
        let all = if self.complete { "exhaustive" } else { "NOT exhaustive" };
        writeln!(f, "{}", self.scope)?;
        writeln!(f, "  {worlds} worlds, {moves} moves, depth {depth}, {all}")?;
        writeln!(
            f,
            "  {ends} ends, {recovered} of them after some time; {beyond} beyond the epochs"
        )?;
        write!(f, "  {processes} states of processes, {inputs} inputs played by roles")?;
        if let Some(failure) = &self.failure {
            write!(f, "\nVIOLATED {}", failure.violation)?;
            for line in &failure.story {
                write!(f, "\n{line}")?;
            }
        }
        Ok(())
    }
}

/// The first world of a scope: the formed servers are members, the others have just been launched.
fn first(library: &mut Library) -> Result<World, Violation> {
    let Scope { servers, formed, .. } = library.scope;
    let mut world = turn::begin(library, formed)?;
    if formed > 0 {
        world = together(library, world)?;
    }
    for server in formed..servers {
        world = turn::launch(library, world, server)?;
    }
    let scope = &library.scope;
    world.budget = Budget {
        epochs: scope.epochs,
        crashes: scope.crashes,
        launches: scope.launches,
        replacements: scope.replacements,
        manager_crashes: scope.manager_crashes,
        resets: scope.resets,
        accusations: scope.accusations,
        cuts: scope.cuts,
        disk_errors: scope.disk_errors,
        ticks: scope.ticks,
    };
    Ok(world)
}

/// Lets the servers that run become members, and the clients open their sessions, unless they are
/// to be new.
fn together(library: &mut Library, mut world: World) -> Result<World, Violation> {
    let clients = std::mem::take(&mut world.clients);
    let mut world = recovery::recover(library, &world)?;
    world.clients = clients;
    world.history = vec![world.disk];
    let primary = library.view(world.disk).and_then(|view| scope::number_of(view.primary));
    let greeters = if library.scope.newcomers { 0 } else { library.scope.requests };
    for request in 0..greeters {
        let pair = (request, primary.expect("a view has a primary"));
        world = turn::greet(library, world, pair)?;
        world = recovery::calm_servers(library, world)?;
        world = turn::part(library, world, pair)?;
    }
    Ok(world)
}

/// Searches a scope. `trail` is kept up to date; `say` is told of the progress now and then.
pub fn search(scope: &Scope, trail: &SharedTrail, say: &mut dyn FnMut(&Report)) -> Report {
    mutant::switch_off(scope.mutant);
    let mut search = Search::new(scope, trail.clone());
    let found = search.start().and_then(|()| {
        while !search.frontier.is_empty() && search.report.complete {
            search.level()?;
            say(&search.report);
        }
        Ok(())
    });
    if let Err(violation) = found {
        search.report.complete = false;
        let story = search.trail().story(scope);
        search.report.failure = Some(Failure { violation, story });
    }
    search.report
}

struct Search {
    library: Library,
    trail: SharedTrail,
    seen: Table,
    /// The worlds of the present depth, as numbers, one after the other,
    frontier: Vec<u32>,
    /// and the number of each.
    numbers: Vec<u32>,
    next_frontier: Vec<u32>,
    next_numbers: Vec<u32>,
    words: Vec<u32>,
    bytes: Vec<u8>,
    report: Report,
}

impl Search {
    fn new(scope: &Scope, trail: SharedTrail) -> Self {
        Self {
            library: Library::new(scope.clone()),
            trail,
            seen: Table::new(),
            frontier: Vec::new(),
            numbers: Vec::new(),
            next_frontier: Vec::new(),
            next_numbers: Vec::new(),
            words: Vec::new(),
            bytes: Vec::new(),
            report: Report {
                scope: scope.clone(),
                worlds: 0,
                moves: 0,
                depth: 0,
                ends: 0,
                recovered: 0,
                beyond: 0,
                processes: 0,
                inputs: 0,
                complete: true,
                failure: None,
            },
        }
    }

    fn trail(&self) -> std::sync::MutexGuard<'_, Trail> {
        // A panic elsewhere leaves nothing half done in it.
        self.trail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&mut self) -> Result<(), Violation> {
        *self.trail() = Trail::default();
        let world = asserted(|| first(&mut self.library))?;
        properties::check(&mut self.library, &world)?;
        self.enter(&world, (0, 0));
        std::mem::swap(&mut self.frontier, &mut self.next_frontier);
        std::mem::swap(&mut self.numbers, &mut self.next_numbers);
        Ok(())
    }

    /// Follows every world of the present depth.
    fn level(&mut self) -> Result<(), Violation> {
        let (frontier, numbers) =
            (std::mem::take(&mut self.frontier), std::mem::take(&mut self.numbers));
        let mut rest = &frontier[..];
        for number in numbers {
            let (words, others) = rest.split_at(rest[0] as usize);
            rest = others;
            self.follow(&World::read(words), number)?;
            if self.report.scope.limit > 0 && self.report.worlds >= self.report.scope.limit {
                self.report.complete = false;
                break;
            }
        }
        std::mem::swap(&mut self.frontier, &mut self.next_frontier);
        std::mem::swap(&mut self.numbers, &mut self.next_numbers);
        self.report.depth += usize::from(!self.frontier.is_empty());
        (self.report.processes, self.report.inputs) = self.library.size();
        Ok(())
    }

    /// Plays every move of a world.
    fn follow(&mut self, world: &World, number: u32) -> Result<(), Violation> {
        let moves = moves::possible(&mut self.library, world);
        if moves.iter().all(|happens| happens.is_fault()) {
            self.end(world, number)?;
        }
        for happens in moves {
            let step = (number, happens.pack());
            self.trail().now = step;
            self.report.moves += 1;
            let next = asserted(|| turn::play(&mut self.library, world, happens))?;
            if self.enter(&next, step) {
                properties::check(&mut self.library, &next)?;
            }
        }
        Ok(())
    }

    /// A world in which nothing is left to happen: nothing may be stuck in it.
    fn end(&mut self, world: &World, number: u32) -> Result<(), Violation> {
        if world.flight != 0 {
            self.report.beyond += 1;
            return Ok(());
        }
        self.report.ends += 1;
        if recovery::is_whole(&self.library, world) {
            return Ok(());
        }
        self.report.recovered += 1;
        self.trail().now = (number, Move::Tick.pack());
        asserted(|| recovery::recover(&mut self.library, world)).map(drop)
    }

    /// Takes in a world, if it is a new one.
    fn enter(&mut self, world: &World, step: Step) -> bool {
        self.words.clear();
        world.write(&mut self.words);
        self.bytes.clear();
        self.words.iter().for_each(|word| self.bytes.extend_from_slice(&word.to_le_bytes()));
        if !self.seen.insert(xxh3_64(&self.bytes), 0) {
            return false;
        }
        self.next_frontier.extend_from_slice(&self.words);
        self.next_numbers.push(self.report.worlds as u32);
        self.trail().steps.push(step);
        self.report.worlds += 1;
        true
    }
}

/// An assertion of a role that fails is a violation like any other, where panics can be caught.
fn asserted<T>(play: impl FnOnce() -> Result<T, Violation>) -> Result<T, Violation> {
    catch_unwind(AssertUnwindSafe(play)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Violation { property: "assert", text: text.unwrap_or_default() })
    })
}
