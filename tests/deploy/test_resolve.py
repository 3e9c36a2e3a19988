"""Whole manifests as apps: names, bindings, sequences, triggers, rules, projects."""

from __future__ import annotations

import pytest

from couchgrass.deploy.wanted import Package, Rule, Trigger
from tests.deploy.reading import app_of, refused

SLACK = """\
project:
  name: bots
  inputs:
    CHANNEL: "#general"
  packages:
    ${PREFIX}bot:
      version: 1.2
      inputs:
        TRIGGER_NAME: everyhour
        RULE_NAME: {type: string, required: true, value: post-every-hour}
      dependencies:
        slack:
          location: /whisk.system/slack
          inputs: {username: $SLACK_USER, channel: $CHANNEL}
          annotations: {made-by: us}
      actions:
        find: {function: find.js}
        post: {function: post.js, version: 0.2}
      sequences:
        ${PREFIX}all: {actions: "find, post, slack/post, /whisk.system/utils/echo", web: true}
      triggers:
        ${TRIGGER_NAME}:
          feed: /whisk.system/alarms/alarm
          inputs: {cron: "0 */1 * * *"}
          annotations: {note: $SLACK_USER}
        github: {feed: slack/webhook, inputs: {events: push}}
        plain: {inputs: {name: Amy}, annotations: {a: 1}}
      rules:
        ${RULE_NAME}: {trigger: $TRIGGER_NAME, action: my-all, annotations: {b: 2}}
        two: {trigger: /_/plain, action: slack/post}
        three: {trigger: plain, action: /_/my-bot/find}
"""
ENV = {"PREFIX": "my-", "SLACK_USER": "sam"}


def test_names_get_their_package_and_variables_their_values() -> None:
    app = app_of(SLACK, ENV, strict=True)
    assert app.project == "bots"
    assert app.packages == (
        Package(
            "my-bot",
            parameters={"TRIGGER_NAME": "everyhour", "RULE_NAME": "post-every-hour"},
            version="1.2.0",
        ),
        Package(
            "slack",
            parameters={"username": "sam", "channel": "#general"},
            annotations={"made-by": "us"},
            binding="/whisk.system/slack",
        ),
    )
    assert [(one.name, one.version) for one in app.actions] == [
        ("my-bot/find", ""),
        ("my-bot/post", "0.2.0"),
        ("my-bot/my-all", ""),
    ]
    assert app.actions[2].exec.components == (
        "/_/my-bot/find",
        "/_/my-bot/post",
        "/_/slack/post",
        "/whisk.system/utils/echo",
    )
    assert app.actions[2].annotations["web-export"] is True
    assert app.triggers == (
        Trigger(
            "everyhour",
            annotations={"feed": "/whisk.system/alarms/alarm", "note": "sam"},
            feed="/whisk.system/alarms/alarm",
            inputs={"cron": "0 */1 * * *"},
        ),
        Trigger(
            "github",
            annotations={"feed": "slack/webhook"},
            feed="/_/slack/webhook",
            inputs={"events": "push"},
        ),
        Trigger("plain", parameters={"name": "Amy"}, annotations={"a": 1}),
    )
    assert app.rules == (
        Rule("post-every-hour", "everyhour", "my-bot/my-all", {"b": 2}),
        Rule("two", "plain", "slack/post"),
        Rule("three", "plain", "my-bot/find"),
    )
    assert app.warnings == ()


def test_the_default_package_is_none() -> None:
    app = app_of(
        """\
        packages:
          Default:
            inputs: {a: 1}
            actions: {one: {function: one.js}}
            sequences: {both: {actions: "one, pkg/two"}}
            triggers: {t: {}}
            rules: {r: {trigger: t, action: one}}
        """
    )
    assert app.packages == ()
    assert [one.name for one in app.actions] == ["one", "both"]
    assert app.actions[1].exec.components == ("/_/one", "/_/pkg/two")
    assert app.rules[0].action == "one"
    assert app.warnings == (
        "manifest.yaml:2: actions of the default package don't get its inputs: there is no package",
        "manifest.yaml:5: both: the action pkg/two is not in this manifest",
    )


def test_a_package_may_be_named_by_an_input_of_its_project() -> None:
    text = "project: {name: p, inputs: {NAME: shop}, packages: {$NAME: {version: 1}}}"
    app = app_of(text, strict=True)
    assert app.packages[0].name == "shop"
    assert app_of(text, {"NAME": "store"}).packages[0].name == "store"


def test_sequences_come_after_what_is_in_them() -> None:
    app = app_of(
        """\
        packages:
          b:
            sequences: {last: {actions: "first, a/x"}, first: {actions: "a/y, a/x"}}
          a:
            sequences: {y: {actions: x}}
            actions: {x: {function: x.js}}
        """
    )
    assert [one.name for one in app.actions] == ["a/x", "a/y", "b/first", "b/last"]


def test_a_sequence_in_itself_is_refused() -> None:
    text = "packages:\n  a:\n    sequences:\n      x: {actions: y}\n      y: {actions: x}\n"
    assert refused(text) == "manifest.yaml:4: a/x: the sequence is in itself"


def test_versions_have_three_parts_and_come_from_the_environment_too() -> None:
    text = "packages: {a: {version: 1.10}, b: {version: $V}, c: {version: 7}, d: {}}"
    assert [one.version for one in app_of(text, {"V": "2.0.1"}).packages] == ["1.10.0", "2.0.1", "7.0.0", ""]


def test_a_public_package_is_told() -> None:
    app = app_of("packages: {a: {public: true}}")
    assert app.packages[0].publish
    assert app.warnings == ("manifest.yaml:1: the package a is public: others can see and use it",)


def test_keys_without_effect_are_told() -> None:
    app = app_of("packages:\n  a:\n    namespace: n\n    feeds: {f: }\n    triggers: {t: {credential: c}}\n")
    assert app.warnings == (
        "manifest.yaml:3: namespace has no effect: where it is deployed is told elsewhere",
        "manifest.yaml:4: feeds are not made: annotate the action with feed",
        "manifest.yaml:5: credential has no effect: where it is deployed is told elsewhere",
    )


def test_an_old_name_of_a_feed_is_told() -> None:
    app = app_of("packages: {a: {triggers: {t: {source: /whisk.system/alarms/alarm}}}}")
    assert app.triggers[0].feed == "/whisk.system/alarms/alarm"
    assert app.warnings == ("manifest.yaml:1: t: source is an old name: write feed",)


def test_what_a_rule_names_and_is_not_there_is_told() -> None:
    app = app_of("packages: {a: {rules: {r: {trigger: t, action: x}}}}")
    assert app.warnings == (
        "manifest.yaml:1: r: the trigger t is not in this manifest",
        "manifest.yaml:1: r: the action a/x is not in this manifest",
    )


def test_the_same_thing_may_be_declared_twice() -> None:
    bound = "dependencies: {u: {location: /whisk.system/utils}}, triggers: {t: {}}"
    app = app_of(f"packages: {{a: {{{bound}}}, b: {{{bound}}}}}")
    assert [one.name for one in app.packages] == ["a", "u", "b"]
    assert len(app.triggers) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "manifest.yaml:1: has no packages: there is nothing to deploy"),
        ("packages: {}", "manifest.yaml:1: has no packages: there is nothing to deploy"),
        ("packages: {$NOT: {}}", "manifest.yaml:1: $NOT can't be the package's name: it is empty"),
        ("packages: {a/b: {}}", "manifest.yaml:1: a/b can't be the package's name"),
        (
            "packages: {a: {actions: {b/c: {function: x.js}}}}",
            "manifest.yaml:1: b/c can't be the action's name",
        ),
        ("packages: {a: {version: latest}}", "manifest.yaml:1: version must be numbers: 1.0.0"),
        ("packages: {a: {sequences: {s: {}}}}", "manifest.yaml:1: s: actions must be like: a, b, c"),
        (
            "packages: {a: {sequences: {s: {actions: 'x,,y'}}}}",
            "manifest.yaml:1: s: actions must be like: a, b, c",
        ),
        ("packages: {a: {sequences: {s: {actions: /x}}}}", "manifest.yaml:1: /x is no name of an action"),
        (
            f"packages: {{a: {{sequences: {{s: {{actions: '{', '.join(['x'] * 51)}'}}}}}}}}",
            "manifest.yaml:1: s: has more than 50 actions",
        ),
        (
            "packages: {a: {actions: {x: {function: x.js}}, sequences: {x: {actions: y}}}}",
            "manifest.yaml:1: there are two of the action a/x",
        ),
        (
            "packages: {default: {actions: {x: {function: x.js}}}, Default: {actions: {x: {docker: a}}}}",
            "manifest.yaml:1: there are two of the action x",
        ),
        (
            "packages: {a: {triggers: {t: {feed: /x/y}}}, b: {triggers: {t: {}}}}",
            "manifest.yaml:1: there are two of the trigger t",
        ),
        (
            "packages: {a: {dependencies: {u: {location: /x/y}}}, b: {dependencies: {u: {location: /x/z}}}}",
            "manifest.yaml:1: there are two of the package u",
        ),
        (
            "packages: {a: {dependencies: {a: {location: /x/y}}}}",
            "manifest.yaml:1: there are two of the package a",
        ),
        ("packages: {a: {rules: {r: {trigger: t}}}}", "manifest.yaml:1: r: a rule needs its action"),
        ("packages: {a: {rules: {r: {action: t}}}}", "manifest.yaml:1: r: a rule needs its trigger"),
        (
            "packages: {a: {rules: {r: {action: $NOT, trigger: t}}}}",
            "manifest.yaml:1: r: its trigger or its action",
        ),
        ("packages: {a: {triggers: {t: {feed: $NOT}}}}", "manifest.yaml:1: t: its feed is empty"),
        ("packages: {a: {triggers: {t: {feed: /a}}}}", "manifest.yaml:1: /a is no name of an action"),
        (
            "packages: {a: {dependencies: {d: {location: utils}}}}",
            "manifest.yaml:1: d: location must be /namespace/",
        ),
        (
            "packages: {a: {dependencies: {d: {location: /a/b/c}}}}",
            "manifest.yaml:1: d: location must be /namespace/",
        ),
        ("packages: {a: {dependencies: {d: {}}}}", "manifest.yaml:1: d: location must be /namespace/package"),
        (
            "packages: {a: {dependencies: {d: {location: github.com/x/y}}}}",
            "manifest.yaml:1: d: a dependency on GitHub is not fetched",
        ),
        (
            "packages: {a: {dependencies: {d: {location: 'https://github.com/x/y'}}}}",
            "manifest.yaml:1: d: a dependency on GitHub is not fetched",
        ),
    ],
)
def test_what_can_not_be_deployed_is_refused_before_anything_is_sent(text: str, told: str) -> None:
    assert refused(text).startswith(told)


def test_a_bad_name_from_the_environment_is_told_by_its_variable_and_not_by_its_value() -> None:
    told = refused("packages: {a: {}, $KEY: {}}", {"KEY": "hunter2/x"})
    assert told == "manifest.yaml:1: $KEY can't be the package's name"


def test_a_projects_config_goes_before_apis() -> None:
    text = """\
    project: {config: api.json}
    packages: {a: {actions: {x: {function: x.js, web: yes}}, apis: {s: {v1: {y: {x: {method: get}}}}}}}
    """
    app = app_of(text)
    assert app.routes == ()
    assert app.warnings == ("manifest.yaml:1: the project's config has the APIs: those of apis are left out",)


def test_a_project_may_have_nothing_left() -> None:
    app = app_of("project: {name: p}")
    assert app.packages == ()
    assert app.warnings == ("manifest.yaml:1: the project p has no packages",)
