//! `millrace demo`: a simulated shop, or recorded events, served by a real server over HTTP for less than a minute.

mod arm;
mod fraud;
mod ledger;
mod lines;
mod onward;
mod place;
mod probe;
mod recorded;
mod risk;
mod rng;
mod run;
mod screen;
mod shop;
mod stand;
mod summary;
mod tour;
mod visitor;

#[cfg(test)]
mod tests;

use anyhow::{Context, Result, bail};
use clap::Args;
use engine::Plan;
use place::{Place, Stop};
use run::Outcome;
use screen::Screen;
use stand::Stand;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use summary::Summary;
use tour::Tour;

/// The shop's spec, as it stands among the examples: the shop, and what judges its payments.
const SPEC: [(&str, &str); 2] = [
    ("examples/shop.yaml", include_str!("../../../examples/shop.yaml")),
    ("examples/shop-risk.yaml", include_str!("../../../examples/shop-risk.yaml")),
];

/// Watch a simulated shop being served, or recorded events being predicted
///
/// A real server on a real log in a temporary directory, driven over HTTP. Four ways to fill a page are compared on the same
/// visitors: random, popularity, the feed, and an oracle that knows the simulated visitors' hidden tastes. What visitors
/// want follows from the seed; what they are shown also depends on this machine's speed. Every figure is measured in this run.
#[derive(Args)]
pub(crate) struct Demo {
    /// How long the show takes, in seconds
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(2..=3_600))]
    seconds: u64,
    /// How many shops are simulated, one after another
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=20))]
    seeds: u64,
    /// The first shop's seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Go on serving the last shop until Ctrl-C, with curl lines to paste
    #[arg(long)]
    serve: bool,
    /// Where to listen with --serve
    #[arg(long, default_value = "127.0.0.1:7700")]
    bind: SocketAddr,
    /// Print the result as one JSON object, and nothing else
    #[arg(long)]
    json: bool,
    /// Keep the data in this directory
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Predict the events of this data set instead (a file or folder that `millrace import` takes)
    #[arg(long)]
    data: Option<PathBuf>,
}

/// The last run's server, while it is needed.
struct Last {
    stand: Stand,
    dir: PathBuf,
}

impl Demo {
    pub(crate) fn run(self) -> Result<()> {
        let stop = Stop::on_signals()?;
        let mut screen = Screen::new(self.json);
        if let Some(data) = &self.data {
            return recorded::show(&self, data, &stop, &screen);
        }
        let place = self.place()?;
        let plan = shop_plan()?;
        let (summary, last) = self.show(&place, &plan, &stop, &mut screen)?;
        if self.json {
            say!("{:#}", summary.json());
        }
        if let Some(last) = last {
            last.stand.stop();
            if self.serve {
                let names = onward::Names { feed: "home", event: "view", user: "user-7", item: "item-42" };
                let caught = summary.risk().caught().map(|verdict| verdict.id.as_str());
                onward::serve(&last.dir, &plan, self.bind, &names, caught, &stop, &screen)?;
            }
        }
        match self.serve {
            true => screen.line("stopped"),
            false => onward::say("millrace demo", &place, &screen),
        }
        match summary.tour {
            Some(tour) if !tour.identical => {
                bail!("the decision {} came out differently when recomputed", tour.decision)
            }
            _ => Ok(()),
        }
    }

    fn place(&self) -> Result<Place> {
        if let Some(dir) = &self.dir
            && std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some())
        {
            bail!("{} is not empty; name a directory that is, or leave --dir out", dir.display());
        }
        Place::new(self.dir.as_deref())
    }

    /// All seeds, the summary, and the questions to the last server.
    fn show(
        &self,
        place: &Place,
        plan: &Arc<Plan>,
        stop: &Stop,
        screen: &mut Screen,
    ) -> Result<(Summary, Option<Last>)> {
        let started = Instant::now();
        self.introduce(place, screen);
        let (mut runs, mut last): (Vec<Outcome>, Option<Last>) = (Vec::new(), None);
        for number in 0..self.seeds {
            if let Some(Last { stand, .. }) = last.take() {
                stand.stop();
            }
            let seed = self.seed.wrapping_add(number);
            screen.begin(seed, number == 0);
            let left = Duration::from_secs(self.seconds).saturating_sub(self.reserved() + started.elapsed());
            let length = (left / (self.seeds - number) as u32).max(Duration::from_millis(500));
            let dir = place.path().join(format!("seed-{seed}"));
            let (outcome, stand) = run::run(&dir, plan, seed, length, stop, screen)?;
            runs.push(outcome);
            last = Some(Last { stand, dir });
            if stop.told() {
                break;
            }
        }
        let mut summary = Summary::new(runs, None);
        summary.print(screen);
        if let Some(Last { stand, .. }) = &last {
            summary.risk().ask_why(&mut stand.client(), stop, screen)?;
            summary.tour = self.ask_why(&summary, stand, stop, screen)?;
        }
        Ok((summary, last))
    }

    /// The time kept for starting, stopping and the questions at the end.
    fn reserved(&self) -> Duration {
        Duration::from_millis((self.seconds * 1_000 / 10).min(3_000))
    }

    fn introduce(&self, place: &Place, screen: &Screen) {
        let hours = shop::DAYS * 24.0 * self.seeds as f64 / (self.seconds as f64 * 0.92);
        screen.line("Millrace: a real server over HTTP on a real log, and a shop that it knows nothing of in advance.");
        screen.line(&format!(
            "{} seed(s), {} days of the shop each; a second is about {hours:.0} hours there. The log is in {}",
            self.seeds,
            shop::DAYS,
            place.path().display()
        ));
        screen.line("Visitors are split by hash: 40 % popularity, 40 % feed, 10 % random, 10 % oracle (it knows their");
        screen.line("hidden tastes). All filter alike: in stock, not bought. All visitors' events go to the same log.");
        screen.line("Every payment is decided before it is taken. Some are fraud: only the simulator knows which.");
    }

    fn ask_why(&self, summary: &Summary, stand: &Stand, stop: &Stop, screen: &Screen) -> Result<Option<Tour>> {
        let Some((decision, shop)) = summary.decision() else { return Ok(None) };
        let title = |key: &str| {
            let item = &shop.items[shop.item(key)?];
            Some(format!("{}, {}", item.title, item.category_name()))
        };
        Tour::take(&mut stand.client(), decision, &title, stop, screen)
    }
}

/// The shop's plan: both files are one spec.
fn shop_plan() -> Result<Arc<Plan>> {
    plan("examples", &spec::bundle(&SPEC.map(|(name, text)| (name.to_owned(), text.to_owned()))))
}

/// Compiles a spec.
fn plan(name: &str, text: &str) -> Result<Arc<Plan>> {
    match spec::compile(name, text) {
        Ok(plan) => Ok(Arc::new(plan)),
        Err(diagnostics) => bail!("{}", spec::render(&diagnostics)),
    }
}

/// Reads a spec file, if it is there.
fn plan_of_file(path: &Path) -> Result<Option<Arc<Plan>>> {
    if !path.is_file() {
        return Ok(None);
    }
    crate::node::read_spec(path).map(Some).with_context(|| format!("reading {}", path.display()))
}
