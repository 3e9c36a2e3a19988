"""A manifest as it is declared: every key that wskdeploy knows, and no other."""

from __future__ import annotations

from textwrap import dedent

import pytest

from couchgrass.deploy.manifest import Input, Manifest, Text, parse
from couchgrass.deploy.refused import ManifestRefused, meant

WHOLE = """\
project:
  name: shop
  namespace: guest
  credential: key
  apiHost: host
  apigwAccessToken: token
  version: 1.0
  config: api.json
  inputs:
    A: 1
  packages:
    cart:
      name: cart
      version: 1.10
      license: Apache-2.0
      public: no
      repositories: [{url: "https://example.org", description: x, credential: y}]
      namespace: guest
      credential: key
      apiHost: host
      apigwAccessToken: token
      description: A cart
      annotations: {a: {b: [1, no]}, c: $X}
      inputs:
        one: string
        two: {type: int, description: d, value: 2, required: yes, default: 3, status: s, schema: {a: b}}
      dependencies:
        tools: {location: /whisk.system/utils, version: master, inputs: {x: 1}, annotations: {y: z}}
      feeds:
        feed1: {location: "https://example.org", credential: c, operations: {o: }}
      actions:
        add:
          function: src/add
          version: 2
          code: ""
          runtime: nodejs:20
          main: handler
          docker: me/image
          native: false
          conductor: on
          web: yes
          web-export: raw
          exposedUrl: x
          namespace: guest
          credential: key
          description: d
          location: old
          limits: {timeout: 60000, memorySize: 256, logSize: 10, concurrentActivations: 1,
                   userInvocationRate: 1, codeSize: 1, parameterSize: 1}
          inputs: {x: 1}
          outputs: {payload: {type: string, description: d}}
          annotations: {final: true}
          include:
            - ["common/*"]
            - ["common/*", "lib/"]
          exclude: ["src/add/test/*"]
        drop:
      sequences:
        both: {actions: "add, drop", web: true, annotations: {a: b}}
      triggers:
        hourly: {feed: /whisk.system/alarms/alarm, source: old, inputs: {cron: "0 * * * *"},
                 namespace: n, credential: c, description: d, annotations: {a: b}}
      rules:
        each: {trigger: hourly, action: add, rule: r, description: d, annotations: {a: b}}
      apis:
        shop:
          v1:
            /cart:
              add: {method: post, response: http}
              drop: {method: DELETE}
"""


def of(text: str) -> Manifest:
    return parse(dedent(text), "m.yaml")


def reason(text: str) -> str:
    with pytest.raises(ManifestRefused) as bad:
        of(text)
    return bad.value.reason


def test_every_key_is_known() -> None:
    whole = of(WHOLE)
    assert (whole.project, whole.config.text, [one.name for one in whole.inputs]) == (
        "shop",
        "api.json",
        ["A"],
    )
    (cart,) = whole.packages
    assert (cart.name, cart.version.text, cart.public) == ("cart", "1.10", False)
    assert cart.annotations == {"a": {"b": [1, False]}, "c": "$X"}
    assert cart.inputs[0] == Input("one", 25, "string")
    assert cart.inputs[1] == Input("two", 26, 2, True, "integer", 3, True)
    add, drop = cart.actions
    assert (add.web.text, add.web_export.text, add.conductor, add.version.text) == ("yes", "raw", True, "2")
    assert add.include == ((54, ("common/*",)), (55, ("common/*", "lib/")))
    assert add.exclude == (Text("src/add/test/*", 56),)
    assert [(one.name, one.value) for one in add.limits][:3] == [
        ("timeout", 60000),
        ("memorySize", 256),
        ("logSize", 10),
    ]
    assert (drop.name, drop.function) == ("drop", Text())
    assert [(one.base, one.path, one.action, one.method.text) for one in cart.endpoints] == [
        ("v1", "/cart", "add", "post"),
        ("v1", "/cart", "drop", "DELETE"),
    ]
    assert cart.triggers[0].source.text == "old"
    assert cart.rules[0].action.text == "add"
    assert cart.sequences[0].actions.text == "add, drop"
    assert cart.dependencies[0].location.text == "/whisk.system/utils"


def test_keys_that_have_no_effect_here_are_kept_to_be_told() -> None:
    whole = of(WHOLE)
    assert [one.text for one in whole.ignored] == ["namespace", "credential", "apiHost", "apigwAccessToken"]
    assert "feeds" in [one.text for one in whole.packages[0].ignored]
    assert [one.text for one in whole.packages[0].actions[0].ignored] == [
        "exposedUrl",
        "namespace",
        "credential",
    ]


def test_packages_at_the_root_count_before_those_of_the_project() -> None:
    whole = of("project: {name: p, packages: {a: }}\npackages: {b: }\n")
    assert [one.name for one in whole.packages] == ["b"]
    assert whole.ignored[0].text == "packages of the project, as there are packages at the root"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("package:\n  a:\n", "m.yaml:1: there is no key package; did you mean packages?"),
        (
            "packages:\n  a:\n    actions:\n      b:\n        functon: x\n",
            "m.yaml:5: there is no key functon in b; did you mean function?",
        ),
        (
            "packages:\n  a:\n    sequence: {}\n",
            "m.yaml:3: there is no key sequence in a; did you mean sequences?",
        ),
        (
            "packages: {a: {actions: {b: {limits: {memory: 1}}}}}\n",
            "m.yaml:1: there is no key memory in limits; did you mean memorySize?",
        ),
        (
            "packages: {a: {apis: {x: {v: {p: {b: {verb: get}}}}}}}\n",
            "m.yaml:1: there is no key verb in b; there are",
        ),
        ("packages: [a]\n", "m.yaml:1: packages: must be a mapping of keys to values"),
        ("- a\n", "m.yaml:1: must be a mapping of keys to values"),
        ("packages:\n  a: text\n", "m.yaml:2: a: must be a mapping of keys to values"),
        ("packages:\n  a:\n    version: [1]\n", "m.yaml:3: version: must be text"),
        ("packages:\n  a:\n    public: maybe\n", "m.yaml:3: public: must be true or false"),
        (
            "packages: {a: {actions: {b: {limits: {timeout: soon}}}}}\n",
            "m.yaml:1: timeout: must be a whole number",
        ),
        (
            "packages: {a: {actions: {b: {limits: {timeout: 1.5}}}}}\n",
            "m.yaml:1: timeout: must be a whole number",
        ),
        ("packages: {a: {actions: {b: {include: common}}}}\n", "m.yaml:1: include: must be a list"),
        (
            "packages: {a: {actions: {b: {include: [common]}}}}\n",
            "m.yaml:1: include: each must be a list, [source]",
        ),
        (
            "packages: {a: {inputs: {b: {type: strin}}}}\n",
            "m.yaml:1: type: there is no type strin; did you mean string?",
        ),
        ("packages: {a: {inputs: {b: {required: 'yes'}}}}\n", "m.yaml:1: required: must be true or false"),
        ("packages: {a: {inputs: [b]}}\n", "m.yaml:1: inputs: must be a mapping of keys to values"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_key(text: str, told: str) -> None:
    assert reason(text).startswith(told)


def test_a_whole_number_may_be_written_with_a_point() -> None:
    whole = of("packages: {a: {actions: {b: {limits: {timeout: 6e4}}}}}\n")
    assert whole.packages[0].actions[0].limits[0].value == 60000


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a", Input("x", 1, "a")),
        ("{value: a}", Input("x", 1, "a", True)),
        ("{type: json}", Input("x", 1, None, True, "json")),
        ("{value: null}", Input("x", 1, None, True)),
        ("{name: a, value: b}", Input("x", 1, {"name": "a", "value": "b"})),
        ("{type: string, vlaue: b}", Input("x", 1, {"type": "string", "vlaue": "b"}, odd_key="vlaue")),
        ("{}", Input("x", 1, {})),
        ("[1, 2]", Input("x", 1, [1, 2])),
        ("", Input("x", 1, None)),
    ],
)
def test_an_input_is_declared_or_just_a_value(text: str, wanted: Input) -> None:
    (found,) = of(f"packages: {{a: {{inputs: {{x: {text}}}}}}}").packages[0].inputs
    assert found == wanted


def test_values_of_inputs_are_not_shown() -> None:
    assert "hunter2" not in repr(of("packages: {a: {inputs: {password: hunter2}}}"))


def test_a_word_is_guessed_or_all_words_are_told() -> None:
    assert meant("trigers", ["triggers", "rules"]) == "; did you mean triggers?"
    assert meant("xyz", ["triggers", "rules"]) == "; there are triggers, rules"
