pub struct RuleSet;
