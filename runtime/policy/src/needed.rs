//! Which services a context's files can be about, told from their text. Called before any service's document is read: a
//! document that no policy speaks of need not be. It must never leave out a service that some policy permits something
//! of; that it names one too many only costs time. THREAT[SVC-04]

use crate::{
    policies::Policies,
    problem::{File, Problem},
    scope::{GROUPS, Scope},
    text::{self, Layout},
};
use cedar_policy::{ActionConstraint, Effect, PolicySet, ResourceConstraint};
use std::collections::BTreeSet;

impl Policies {
    /// Those of the registered services that a policy permits something of, or that policies or the files beside them, cases and
    /// limits, name; or nothing,
    /// where that can be any. A service that only prohibitions without a name cover is refused without them too.
    #[must_use]
    pub fn needed<'s>(
        policies: File<'_>,
        others: &[&str],
        services: impl IntoIterator<Item = &'s str>,
    ) -> Option<BTreeSet<&'s str>> {
        let set = stacker::maybe_grow(8 << 20, 16 << 20, || parse(policies)).ok()?;
        let permits = set
            .policies()
            .filter(|policy| policy.effect() == Effect::Permit);
        // A template does not load; the loader says so.
        if set.templates().next().is_some() || permits.map(Scope::of).any(|scope| is_wide(&scope)) {
            return None;
        }
        let is_named = |service: &&str| {
            names(policies.text, service) || others.iter().any(|text| names(text, service))
        };
        Some(services.into_iter().filter(is_named).collect())
    }
}

fn parse(policies: File<'_>) -> Result<PolicySet, Vec<Problem>> {
    text::readable(policies)?;
    let layout = Layout::of(policies.text);
    let problems: Vec<Problem> = layout.oversized().collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    policies
        .text
        .parse()
        .map_err(|_: cedar_policy::ParseErrors| Vec::new())
}

/// Whether a policy covers methods without naming their service.
fn is_wide(scope: &Scope) -> bool {
    let any_method = match &scope.action {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(_) => false,
        ActionConstraint::In(actions) => actions
            .iter()
            .any(|action| GROUPS.contains(&action.id().unescaped())),
    };
    any_method
        && matches!(
            scope.resource,
            ResourceConstraint::Any | ResourceConstraint::Is(_)
        )
}

/// Whether a name stands in a text as a whole word. A name that is written with escapes is not found: then the policies
/// do not load without its service, and are loaded with all.
fn names(text: &str, name: &str) -> bool {
    let word =
        |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    text.match_indices(name).any(|(at, found)| {
        let (before, after) = (text.as_bytes().get(..at), at.saturating_add(found.len()));
        let before = before.and_then(|before| before.last().copied());
        !word(before) && !word(text.as_bytes().get(after).copied())
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::{File, Policies};
    use crate::{
        interface::Effect, interface::Interface, interface::MethodInterface, limits::ContextLimits,
        limits::ContextNumber, name::ContextName, schema::Schema,
    };
    use proptest::prelude::*;
    use std::num::NonZeroU32;

    const SERVICES: [&str; 4] = ["crm", "crm_2", "mail", "x"];

    fn needed(text: &str, cases: &str) -> Option<Vec<&'static str>> {
        let file = File { name: "p", text };
        Some(
            Policies::needed(file, &[cases], SERVICES)?
                .into_iter()
                .collect(),
        )
    }

    #[test]
    fn svc_04_a_service_is_needed_where_it_is_named_or_permitted_without_a_name() {
        let wide = "permit (principal, action in Action::\"read\", resource);";
        let group = "permit (principal, action in Action::\"read\", resource == Service::\"crm\");";
        let single = "permit (principal, action == Action::\"mail.send\", resource);";
        let forbid = "forbid (principal, action, resource);";
        for (text, cases, expected) in [
            (wide, "", None),
            ("permit (principal, action, resource is Service);", "", None),
            ("permit (principal, action", "", None),
            (group, "", Some(vec!["crm"])),
            (single, "", Some(vec!["mail"])),
            (forbid, "", Some(vec![])),
            (forbid, "service = \"crm_2\"", Some(vec!["crm_2"])),
            ("", "", Some(vec![])),
            (
                "forbid (principal, action, resource) when { resource == Service::\"x\" };",
                "",
                Some(vec!["x"]),
            ),
        ] {
            assert_eq!(needed(text, cases), expected, "{text}");
        }
    }

    fn interface(service: &str) -> Interface {
        let method = |effect| MethodInterface {
            effect,
            by_name: false,
            parameters: Vec::new(),
        };
        Interface {
            service: service.to_owned(),
            methods: [
                ("get".to_owned(), method(Effect::Read)),
                ("set".to_owned(), method(Effect::Write)),
            ]
            .into(),
        }
    }

    fn load(services: &[&str], text: &str) -> Option<Policies> {
        let interfaces: Vec<Interface> = services.iter().map(|name| interface(name)).collect();
        let schema = Schema::new(ContextName::new("demo").unwrap(), &interfaces).unwrap();
        let file = File { name: "p", text };
        Policies::load(
            schema.into(),
            file,
            &ContextLimits::of(ContextNumber::Number(NonZeroU32::MIN)),
        )
        .ok()
    }

    proptest! {
        #[test]
        fn svc_04_no_service_that_may_be_used_is_left_out(
            rules in proptest::collection::vec((
                any::<bool>(),
                prop_oneof![Just("action".to_owned()), "action (==|in) Action::\"(crm|crm_2|mail|x)\\.(get|set)\"",
                    "action in Action::\"(read|change)\"", "action in \\[Action::\"mail.get\", Action::\"write\"\\]"],
                prop_oneof![Just("resource".to_owned()), Just("resource is Service".to_owned()), "resource == Service::\"(crm|crm_2|mail|x)\""],
            ), 0..4),
        ) {
            let text: String = rules
                .iter()
                .map(|(permit, action, resource)| {
                    let word = if *permit { "permit" } else { "forbid" };
                    format!("@because(\"x\") {word} (principal, {action}, {resource});\n")
                })
                .collect();
            let all = load(&SERVICES, &text);
            prop_assume!(all.is_some());
            let needed = needed(&text, "").unwrap_or(SERVICES.to_vec());
            let few = load(&needed, &text);
            for service in SERVICES {
                let usable = all.as_ref().is_some_and(|all| all.may_use(service));
                prop_assert!(!usable || needed.contains(&service), "{}", service);
                if let Some(few) = &few {
                    prop_assert_eq!(few.may_use(service), usable);
                }
            }
        }
    }
}
