//! The phases in a row, on tokens that tests can make.

use proc_macro2::TokenStream;

use crate::diagnostics::Diagnostics;
use crate::{check, emit, parse};

/// Expands one table, with `zoo` for the path to zoo-core: to a static and its checks or, where there are mistakes, to
/// all of them at once and an empty static of the same name, so that the places that use it report nothing of their own.
pub fn expand(zoo: &TokenStream, table: TokenStream) -> TokenStream {
    let mut errors = Diagnostics::default();
    let syntax = parse::parse(table, &mut errors);
    let Some(head) = syntax.head.clone() else {
        return errors.into_compile_errors();
    };
    let network = check::check(syntax, &mut errors);
    match network {
        Some(network) if errors.is_empty() => emit::network(zoo, &network),
        _ => {
            let errors = errors.into_compile_errors();
            let stand_in = emit::stand_in(zoo, &head);
            quote::quote! { #errors #stand_in }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "
        /// Documentation.
        pub TWO_WORDS;
        scale width, depth;
        round width: trunc(min 8), depth: trunc;
        input 3 x 32;
        norm BatchNorm { eps: 1e-3, momentum: 0.01 };
        act Silu;
        init truncated_normal(0.09);
        padding same;
        stem Conv { k: 3, c: 32, s: 2 } fixed;
        stages MBConv { se: 0.25 } { t k c n s; 1 3 16 1 1 fix_depth; 6 (2 + 3) 24 2 -; }
        stages my::Block { c act; 24 -; 24 Relu; 40 -; }
        head Conv { k: 1, c: 64 } floor;
        top pool, Conv { k: 1, c: 8, norm: Without } fixed_below(0.75), linear;
        dropout 0.1;
        drop_path 0.2;
        profile flat { stem.s = 1; stages[1].s = 1; }
        variants { name width depth; \"a\" 1.0 1; \"b\" 2 1.5; }
        claims { name profile params macs; \"a\" flat 1_234_567 -; \"b\" - 8 9; }
    ";

    fn checked(table: &str) -> (Option<crate::network::Network>, Vec<String>) {
        let mut errors = Diagnostics::default();
        let syntax = parse::parse(table.parse().unwrap(), &mut errors);
        let network = check::check(syntax, &mut errors);
        let messages = errors.messages();
        (network, messages)
    }

    fn expanded(table: TokenStream) -> TokenStream {
        expand(&quote::quote!(::zoo_core), table)
    }

    /// What is said of the table with one thing changed.
    fn said(of: &str, instead: &str) -> Vec<String> {
        assert_eq!(TABLE.matches(of).count(), 1, "`{of}` must stand once in the table");
        checked(&TABLE.replace(of, instead)).1
    }

    #[test]
    fn stages_are_runs_of_rows_of_one_block_and_width() {
        let (network, messages) = checked(TABLE);
        assert_eq!(messages, [""; 0]);
        let network = network.unwrap();
        let stages: Vec<_> = network.groups.iter().flat_map(|group| &group.rows).map(|row| row.stage).collect();
        assert_eq!(stages, [0, 1, 2, 2, 3]);
        assert_eq!(network.claims[0].profile.as_ref().unwrap().1, 1);
        assert!(network.claims[0].macs.is_none() && network.claims[1].profile.is_none());
    }

    #[test]
    fn a_dash_leaves_the_field_to_the_group() {
        let network = checked(TABLE).0.unwrap();
        let names = |row: &crate::network::Row| row.fields.iter().map(|f| f.name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(&network.groups[0].rows[0]), ["t", "k", "c", "s"]);
        assert_eq!(names(&network.groups[0].rows[1]), ["t", "k", "c"]);
    }

    #[test]
    fn the_documentation_has_the_table() {
        let text = crate::doc::markdown(&checked(TABLE).0.unwrap());
        assert!(text.contains("| 1 | 6 | (2 + 3) | 24 | 2 | – |"), "{text}");
        assert!(text.contains("| `a` | profile flat | 1,234,567 |  |"), "{text}");
    }

    #[test]
    fn expansions_name_zoo_core_by_the_path_that_was_given() {
        let text = expand(&quote::quote!(the::path), TABLE.parse().unwrap()).to_string();
        assert!(text.contains("use the :: path :: __zoo ;") && !text.contains("zoo_core"), "{text}");
        assert!(!text.contains("compile_error"), "{text}");
        assert!(text.contains("family : \"two-words\""), "{text}");
    }

    #[test]
    fn mistakes_leave_an_item_of_the_name() {
        let text = expanded("pub NAME; act Silu".parse().unwrap()).to_string();
        assert!(text.contains("compile_error") && text.contains("pub static NAME"), "{text}");
        let nameless = expanded("3 x 224".parse().unwrap()).to_string();
        assert!(nameless.contains("expected the network's name"), "{nameless}");
    }

    #[test]
    fn nothing_makes_the_macro_panic() {
        let tokens: Vec<_> = TABLE.parse::<TokenStream>().unwrap().into_iter().collect();
        for left_out in 0..tokens.len() {
            let without = tokens.iter().enumerate().filter(|(index, _)| *index != left_out).map(|(_, token)| token);
            expanded(without.cloned().collect());
            expanded(tokens[..left_out].iter().cloned().collect());
        }
        for (from, to) in [("{", "("), ("}", ")"), (";", ""), (";", ","), ("c", ""), ("-", "--"), ("1", "")] {
            if let Ok(tokens) = TABLE.replace(from, to).parse() {
                expanded(tokens);
            }
        }
    }

    #[test]
    fn each_mistake_is_named_once() {
        let one = |of, instead, expected: &str| {
            let messages = said(of, instead);
            assert_eq!(messages.len(), 1, "{messages:#?}");
            assert!(messages[0].contains(expected), "{messages:#?}");
        };
        one("scale width, depth", "scale width, depht, depth", "did you mean `depth`?");
        one("trunc(min 8)", "trunc(max 8)", "`trunc(min 8)`");
        one("trunc(min 8)", "divisible", "`divisible(8)`");
        one("depth: trunc", "depth: floor", "expected `ceil` or `trunc`");
        one("3 x 32", "3 x 0", "from 1 to 65535");
        one("3 x 32", "3x32", "`3 x 224`");
        one("momentum: 0.01", "momentum: -0.01", "in parentheses");
        one("truncated_normal(0.09)", "truncated_normal", "standard deviation");
        one("truncated_normal(0.09)", "fan_out(1000)", "`fan_out(min 1000)`");
        one("truncated_normal(0.09)", "conv: fan_out, conv: fan_in", "one for `linear`");
        one("truncated_normal(0.09)", "convs: fan_out", "did you mean `conv`?");
        one("stem.s = 1", "stem[1].s = 1", "there is no layer 1: the stem has layers 0 to 0");
        one("scale width, depth;", "scale width, depth; vary c1;", "no column `c1`");
        one("scale width, depth;", "scale width, depth; vary depth;", "a column of `variants` already");
        one("fixed_below(0.75)", "fixed_below", "`fixed_below(0.75)`");
        one("fix_depth", "fix_depht", "did you mean `fix_depth`?");
        one("24 2 -", "24 2.0 -", "a whole number");
        one("6 (2 + 3) 24", "6 (2 + 3) -", "`c` may not be `-`");
        one("24 2 -", "24 2 [2]", "in parentheses");
        one("{ se: 0.25 }", "{ se: 0.25, n: 2 }", "`n` is a column");
        one("stem.s = 1; stages", "stem.s = 1; stem.s = 1; stages", "sets this stride twice");
        one("stages[1].s", "stages[1].k", "sets only strides");
        one("name profile params", "profile name params", "the first column of `claims` is `name`");
        one("1_234_567", "-", "claims nothing");
        one("\"a\" flat", "\"a\" flta", "did you mean `flat`?");
        one("drop_path 0.2;", "drop_path;", "expected a value");
    }
}
