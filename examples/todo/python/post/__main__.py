"""POST: a new todo."""

from common import todos


def main(params):
    if not params.get("title"):
        return todos.refusal(400, "A todo needs a title")
    doc = {"title": params["title"], "completed": bool(params.get("completed"))}
    if "order" in params:
        doc["order"] = params["order"]
    try:
        stored = todos.Database(params).ask("POST", "", doc)
    except todos.Refused as refused:
        return todos.refusal(refused.status, refused.reason)
    return todos.answer(201, todos.shown(params, {**doc, "_id": stored["id"]}))
