//! Closed lists of codes: the values of the API, the configuration and the columns are one list.

/// Makes an enum whose members are the codes of 3-domain. It reads itself from a request body
/// (reporting the allowed list), from TOML and JSON, and from a text column; it writes itself to
/// all of them. `ALL` lists the members in order.
macro_rules! codes {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$member_meta:meta])* $member:ident = $code:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
            diesel::expression::AsExpression, diesel::deserialize::FromSqlRow)]
        #[diesel(sql_type = diesel::sql_types::Text)]
        $vis enum $name {
            $(#[doc = concat!("`", $code, "`")] $(#[$member_meta])* #[serde(rename = $code)] $member,)+
        }

        impl $name {
            /// Every member, in order.
            pub const ALL: &'static [$name] = &[$($name::$member,)+];

            /// The code as it stands in the API and in columns.
            pub fn code(self) -> &'static str {
                match self { $($name::$member => $code,)+ }
            }

            /// The member with this code.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some($name::$member),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.code())
            }
        }

        impl $crate::input::FromJson for $name {
            fn from_json(json: &$crate::input::Json, at: &$crate::input::At<'_>) -> Option<Self> {
                at.takes(|| serde_json::json!({"type": "string", "enum": [$($code,)+]}));
                let read = match json {
                    $crate::input::Json::Text(code) => Self::from_code(code),
                    _ => None,
                };
                if read.is_none() {
                    at.problem_allowing("not_allowed", Some(vec![$($code.to_owned(),)+]));
                }
                read
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn schema_id() -> std::borrow::Cow<'static, str> {
                concat!(module_path!(), "::", stringify!($name)).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "enum": [$($code,)+]})
            }
        }

        impl<B: diesel::backend::Backend> diesel::serialize::ToSql<diesel::sql_types::Text, B> for $name
        where
            str: diesel::serialize::ToSql<diesel::sql_types::Text, B>,
        {
            fn to_sql<'b>(&'b self, out: &mut diesel::serialize::Output<'b, '_, B>) -> diesel::serialize::Result {
                diesel::serialize::ToSql::<diesel::sql_types::Text, B>::to_sql(self.code(), out)
            }
        }

        impl<B: diesel::backend::Backend> diesel::deserialize::FromSql<diesel::sql_types::Text, B> for $name
        where
            String: diesel::deserialize::FromSql<diesel::sql_types::Text, B>,
        {
            fn from_sql(bytes: B::RawValue<'_>) -> diesel::deserialize::Result<Self> {
                let code = <String as diesel::deserialize::FromSql<diesel::sql_types::Text, B>>::from_sql(bytes)?;
                Self::from_code(&code).ok_or_else(|| "a code this program does not know".into())
            }
        }
    };
}
pub(crate) use codes;
