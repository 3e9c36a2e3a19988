"""PATCH: changes the todo that the path names."""

from urllib.parse import quote

from common import todos


def main(params):
    doc_id = todos.id_of(params)
    if not doc_id:
        return todos.refusal(400, "Which todo? Its id belongs into the path")
    try:
        database = todos.Database(params)
        doc = database.one(doc_id)
        doc.update({name: params[name] for name in todos.FIELDS if name in params})
        database.ask("PUT", "/" + quote(doc_id, safe=""), doc)
    except todos.Refused as refused:
        return todos.refusal(refused.status, refused.reason)
    return todos.answer(200, todos.shown(params, doc))
