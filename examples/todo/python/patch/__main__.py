"""PATCH: changes the todo that the path names. With `resolves`, a list of versions, it stands for all of
them: the others are deleted; 409 when there is one that is not named."""

from urllib.parse import quote

from common import todos


def main(params):
    doc_id = todos.id_of(params)
    if not doc_id:
        return todos.refusal(400, "Which todo? Its id belongs into the path")
    resolves = params.get("resolves")
    if resolves is not None and not isinstance(resolves, list):
        return todos.refusal(400, "resolves is a list of versions")
    try:
        database = todos.Database(params)
        doc = database.one(doc_id)
        others = doc.pop("_conflicts", [])
        doc.update({name: params[name] for name in todos.FIELDS if name in params})
        if resolves is None:
            database.ask("PUT", "/" + quote(doc_id, safe=""), doc)
        elif {doc["_rev"], *others} <= set(resolves):
            database.settle(doc, others)
            others = []
        else:
            return todos.refusal(409, "There is a version that you have not seen")
    except todos.Refused as refused:
        return todos.refusal(refused.status, refused.reason)
    return todos.answer(200, todos.shown(params, {**doc, "_conflicts": others}))
