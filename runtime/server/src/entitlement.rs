//! As whom somebody may act who comes in by a door. Made by whoever found out who it is, and by nobody else: THREAT[POL-01].

/// As whom an agent may act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlement {
    /// In which contexts; in all of them where none are named.
    pub contexts: Option<Vec<String>>,
    /// As which program of them.
    pub actor: String,
    /// On whose behalf.
    pub user: Option<String>,
    /// What it is entitled to.
    pub claims: Vec<String>,
}
