"""The pages of templates: the list, bubbles with values in them, and handing in, changing and deleting."""

import aiohttp
import orjson
from tests.console.conftest import Answer, Office, Visitor
from tests.console.test_media import PICTURE

from waypost.store.template_reading import TemplateRecord, find_named_templates, list_templates

FIELDS = {"category": "UTILITY", "language": "en_US"}


async def templates(office: Office) -> list[TemplateRecord]:
    account_id = office.house.demo.account.account_id

    async def is_synced() -> bool:
        return bool(await office.read(lambda tx: list_templates(tx, account_id)))

    await office.house.eventually(is_synced)
    return await office.read(lambda tx: list_templates(tx, account_id))


async def named(office: Office, name: str) -> TemplateRecord | None:
    one = (await templates(office))[0]
    account_id = office.house.demo.account.account_id
    found = await office.read(lambda tx: find_named_templates(tx, account_id, one.waba_id, name))
    return found[0] if found else None


async def hand_in(visitor: Visitor, *, path: str = "/console/templates", data: bytes = b"", **fields: str) -> Answer:
    form = aiohttp.FormData(quote_fields=False)
    for name, value in {"csrf_token": visitor.csrf_token, **FIELDS, **fields}.items():
        form.add_field(name, value)
    form.add_field("header_file", data, filename="sample.png" if data else "")
    return await visitor.send(path, data=form)


async def test_templates_are_listed_and_shown_as_bubbles_with_other_values(office: Office):
    viewer, stranger = await office.visitor("viewer"), await office.visitor("stranger")
    record = next(one for one in await templates(office) if one.name == "repair_done")
    path = f"/console/templates/{record.provider_id}"

    listed = await viewer.get("/console/templates?status=APPROVED&name=repair_done")
    one = await viewer.get(path)
    filled = await viewer.post(f"{path}/preview", value=["<b>Ada</b>"])

    assert path in listed.text
    assert "✓" not in listed.words
    assert "approved" in one.words
    assert "&lt;b&gt;Ada&lt;/b&gt;" in filled.text
    assert "There is no such template." in (await viewer.get("/console/templates?status=REJECTED")).words
    assert (404, 404) == ((await stranger.get(path)).status, (await stranger.post(f"{path}/delete")).status)


async def test_a_template_is_handed_in_with_buttons_changed_and_deleted(office: Office):
    admin = await office.visitor("admin")
    await templates(office)

    made = await hand_in(
        admin,
        name="pick_up",
        header="text",
        header_text="Hello {{1}}",
        header_sample="Ada",
        body="Your {{1}} is ready at {{2}}.",
        body_samples="bicycle\n5 pm",
        footer="The shop",
        button_0="quick_reply",
        label_0="Thanks",
        button_1="url",
        label_1="Where",
        target_1="https://example.org/{{1}}",
    )
    assert 303 == made.status, made.words
    record = await named(office, "pick_up")
    parts = {part["type"]: part for part in record.components}
    assert {"body_text": [["bicycle", "5 pm"]]} == parts["BODY"]["example"]
    assert {"header_text": ["Ada"]} == parts["HEADER"]["example"]
    assert ["QUICK_REPLY", "URL"] == [button["type"] for button in parts["BUTTONS"]["buttons"]]
    page = await admin.get(made.headers["location"])
    assert "Your bicycle is ready at 5 pm." in page.words
    form = await admin.get(f"{made.headers['location']}/edit")
    assert "Your {{1}} is ready at {{2}}." in form.text
    assert "bicycle\n5 pm" in form.text

    sync = await (await office.visitor("operator")).post("/console/templates/sync")
    assert 303 == sync.status
    gone = await admin.post(f"{made.headers['location']}/delete")
    assert (303, None) == (gone.status, await named(office, "pick_up"))


async def test_a_header_with_a_picture_needs_a_sample_of_its_kind(office: Office):
    admin = await office.visitor("admin")
    await templates(office)
    fields = {"name": "with_picture", "body": "Look", "header": "image"}

    lacking = await hand_in(admin, **fields)
    wrong = await hand_in(admin, **{**fields, "header": "video"}, data=PICTURE)
    made = await hand_in(admin, **fields, data=PICTURE)

    assert (422, True) == (lacking.status, "header file: is missing" in lacking.words)
    assert (422, True) == (wrong.status, "is a file of kind image, not video" in wrong.words)
    assert 303 == made.status, made.words
    record = await named(office, "with_picture")
    assert record.components[0]["example"]["header_handle"][0]


async def test_what_the_form_cannot_say_is_written_as_components(office: Office):
    admin = await office.visitor("admin")
    await templates(office)
    components = [{"type": "BODY", "text": "From JSON"}]

    made = await hand_in(admin, name="by_hand", components=orjson.dumps(components).decode())
    no_json = await hand_in(admin, name="by_hand_2", components="[{")
    no_list = await hand_in(admin, name="by_hand_2", components='{"type": "BODY"}')
    bad_name = await hand_in(admin, name="By Hand", body="x")
    empty = await hand_in(admin, name="empty_one", body="")

    assert 303 == made.status, made.words
    assert "components: is no JSON" in no_json.words
    assert "components: is no list of objects" in no_list.words
    assert "name: String should match pattern" in bad_name.words
    assert (422, True) == (empty.status, "body: is empty" in empty.words)


async def test_previews_follow_the_typing_and_only_admins_hand_in(office: Office):
    admin, operator = await office.visitor("admin"), await office.visitor("operator")
    record = (await templates(office))[0]

    typed = await admin.post("/console/templates/preview", body="Hi {{1}} <i>", body_samples="Ada", category="UTILITY")
    assert "Hi Ada &lt;i&gt;" in typed.text
    path = f"/console/templates/{record.provider_id}"
    for step in ("/console/templates", f"{path}/edit", f"{path}/delete", "/console/templates/preview"):
        assert 403 == (await operator.post(step)).status
    assert 403 == (await (await office.visitor("viewer")).post("/console/templates/sync")).status
