"""GET: all todos, or the one that the path names. Behind its id, `versions` are all that it is, when two
regions changed it at the same time: `version` is what a PATCH names in `resolves`."""

from common import todos


def main(params):
    doc_id, what = todos.path_of(params)
    try:
        database = todos.Database(params)
        if what == "versions":
            found = database.versions(doc_id)
            return todos.answer(200, [{**todos.shown(params, doc), "version": doc["_rev"]} for doc in found])
        if doc_id:
            return todos.answer(200, todos.shown(params, database.one(doc_id)))
        return todos.answer(200, [todos.shown(params, doc) for doc in database.all()])
    except todos.Refused as refused:
        return todos.refusal(refused.status, refused.reason)
