mkdir -p policies/office && printf 'hero_context = 7\n' > policies/office/limits.toml
sandgate policy init desk --service calender --policies policies
umask 002; sandgate policy init desk --service calendar --policies policies
cat policies/desk/policy.cedar policies/desk/limits.toml policies/desk/cases.toml
sandgate policy test policies/desk
sandgate policy lint policies/desk
sandgate policy init desk --service calendar --policies policies
