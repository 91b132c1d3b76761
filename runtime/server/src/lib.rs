//! The doors of a host for agents: MCP, JSON-RPC and HTTP, over one road.
//!
//! A [`Door`] listens, and knows who may come in by it ([`Who`]); whoever comes in is an [`Agent`], which acts as one caller of the
//! host. Whatever an agent asks for is an [`AgentCommand`]: each door makes commands of what it hears, and prints what came of them.
//!
//! The modules stand in the order of a request: what can be asked for, who has a place and a turn, sessions, who does it, what agents read of it, the two
//! protocols, who is let in, and what listens. Nothing here decides what a script may do: that is the host's.

mod closing;
mod weight;

mod command;
mod desk_url;
mod owner;

mod queues;
mod shares;

mod admission;
mod turns;

mod files;
mod form;
mod spans;

mod metrics;
mod repeats;
mod sessions;

mod agent;

mod text;
mod tools;

pub mod mcp;
mod plain;
mod rpc;

mod entitlement;
mod issuer;
mod who;

mod desk;
mod door;
mod http;

pub use admission::{Overload, ServerLimits};
pub use agent::{Agent, CommandAnswer, CommandError, FileAnswer, KeptForAgents, ParkedWatcher};
pub use command::{
    AgentCommand, Arguments, CommandArgumentError, ExecuteCode, Execution, GetRun, MethodCall,
    MethodSearch, RunPart,
};
pub use desk_url::{DeskUrl, DeskUrlError};
pub use door::{Door, DoorError, Doors};
pub use entitlement::Entitlement;
pub use issuer::{Issuer, IssuerAlgorithm, IssuerClaims, IssuerError, IssuerTerms};
pub use repeats::KeyTaken;
pub use sessions::{SessionError, SessionOutcome, SessionStanding, Sessions};
pub use spans::{SpanSink, spans_message};
pub use turns::APART_NICE;
pub use who::{CONTEXT_HEADER, Gatekeeper, NotAdmitted, Who};
