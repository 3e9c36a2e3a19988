"""A deployment file over a manifest."""

from __future__ import annotations

from tests.deploy.reading import app_of, refused

MANIFEST = """\
packages:
  shop:
    annotations: {a: 1, b: 2}
    actions:
      greet:
        function: greet.js
        annotations: {a: 1, b: 2}
    triggers:
      $TRIGGER:
        inputs: {name: Amy}
        annotations: {a: 1}
"""
ENV = {"TRIGGER": "hourly", "PLACE": "Paris"}


def test_inputs_and_annotations_go_over_those_of_the_manifest() -> None:
    app = app_of(
        MANIFEST,
        ENV,
        over="""\
        packages:
          shop:
            inputs: {place: $PLACE, from: {type: string, value: x, default: y}, to: {default: z}, none: }
            annotations: {b: $PLACE, c: 3}
            actions:
              greet:
                inputs: {place: {value: $PLACE}}
                annotations: {b: 4}
            triggers:
              hourly:
                inputs: {name: Bernie, deep: {at: $PLACE}}
                annotations: {a: 5}
        """,
    )
    assert app.packages[0].parameters == {"place": "Paris", "from": "x", "to": "z"}
    assert app.packages[0].annotations == {"a": 1, "b": "Paris", "c": 3}
    assert app.actions[0].parameters == {"place": "Paris"}
    assert app.actions[0].annotations == {"a": 1, "b": 4}
    assert app.triggers[0].parameters == {"name": "Bernie", "deep": {"at": "Paris"}}
    assert app.triggers[0].annotations == {"a": 5}
    assert app.warnings == ()


def test_a_trigger_may_be_named_as_the_manifest_writes_it() -> None:
    over = "packages: {shop: {triggers: {$TRIGGER: {inputs: {name: Bernie}}}}}"
    assert app_of(MANIFEST, ENV, over=over).triggers[0].parameters == {"name": "Bernie"}


def test_annotations_of_a_deployment_file_may_make_a_web_action() -> None:
    over = "packages: {shop: {actions: {greet: {annotations: {web-export: true}}}}}"
    text = MANIFEST + "    apis: {x: {v1: {y: {greet: {method: get}}}}}\n"
    assert app_of(text, ENV, over=over, strict=True).actions[0].annotations["web-export"] is True


def test_what_the_manifest_has_not_is_told() -> None:
    over = """\
    packages:
      shop:
        actions:
          gret: {inputs: {a: 1}}
        triggers:
          daily: {inputs: {a: 1}}
      store: {inputs: {a: 1}}
    """
    assert app_of(MANIFEST, ENV, over=over).warnings == (
        "deployment.yaml:4: the manifest has no action shop/gret",
        "deployment.yaml:6: the manifest has no trigger daily",
        "deployment.yaml:7: the manifest has no package store",
    )
    assert refused(MANIFEST, ENV, over=over, strict=True).startswith("deployment.yaml:4:")


def test_what_has_no_effect_there_is_told() -> None:
    over = """\
    packages:
      shop:
        version: 2
        actions:
          greet: {function: other.js, web-export: true}
    """
    assert app_of(MANIFEST, ENV, over=over).warnings == (
        "deployment.yaml:5: greet: function has no effect in a deployment file",
        "deployment.yaml:5: greet: web-export has no effect in a deployment file",
        "deployment.yaml:2: shop: version has no effect in a deployment file",
    )


def test_it_is_as_strict_as_a_manifest() -> None:
    assert refused(MANIFEST, ENV, over="packages: {shop: {input: {}}}").startswith(
        "deployment.yaml:1: there is no key"
    )


def test_another_project_is_refused() -> None:
    text = "project: {name: one, packages: {a: {}}}"
    over = "project: {name: two, packages: {a: {inputs: {x: 1}}}}"
    assert refused(text, over=over) == "deployment.yaml:1: is of the project two, the manifest of one"
    assert app_of(text, over="project: {name: two}").warnings == ()
