sandgate policy fmt policies --check
sandgate policy fmt policies
cat policies/office/policy.cedar
sandgate policy fmt policies --check
