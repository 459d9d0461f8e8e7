"""What the customer does on the page arrives at the business."""

from pathlib import Path

from playwright.async_api import expect
from tests.handset import showcase
from tests.handset.conftest import Handset, OpenHandset, Shop
from tests.sandbox.conftest import NUMBER, PHONE, text


async def test_buttons_rows_and_forms_arrive_as_replies(  # noqa: PLR0915 - one conversation, question by question
    shop: Shop, open_handset: OpenHandset
) -> None:
    await shop.make_templates()
    media = await shop.upload_all()
    messages = showcase.of_business(media, f"{shop.url}/sandbox/media/{media['image']}")
    handset = await open_handset()
    sent = {}

    async def asked(name: str, button: str) -> str:
        sent[name] = await shop.send_wamid(messages[name])
        row = handset.log.locator(f"[data-message='{sent[name]}']")
        await row.get_by_role("button", name=button, exact=True).first.click()
        return sent[name]

    async def replied(name: str, **wanted: object) -> None:
        heard = await shop.heard(context={"from": NUMBER, "id": sent[name]}, **wanted)
        await expect(handset.log.locator(f"[data-message='{heard['id']}'].is-mine")).to_be_visible()

    await asked("buttons", "Evening")
    chosen = {"id": "pm", "title": "Evening"}
    await replied("buttons", interactive={"type": "button_reply", "button_reply": chosen})

    await asked("template", "On my way")
    await replied("template", button={"text": "On my way", "payload": "COMING"})

    await asked("offer", "I want it")
    await replied("offer", button={"text": "I want it", "payload": "I want it"})

    await asked("carousel", "I want it")
    chosen = {"id": "want", "title": "I want it"}
    await replied("carousel", interactive={"type": "button_reply", "button_reply": chosen})

    await asked("calls", "Don't allow")
    refused = {"response": "reject"}
    await replied("calls", interactive={"type": "call_permission_reply", "call_permission_reply": refused})

    await asked("contact asked for", "Share contact info")
    await replied("contact asked for", type="contacts")

    await asked("list", "See repairs")
    await handset.sheet.get_by_role("radio", name="Brakes").check()
    await handset.sheet.get_by_role("button", name="Send").click()
    row = {"id": "brakes", "title": "Brakes", "description": "Pads and cables"}
    await replied("list", interactive={"type": "list_reply", "list_reply": row})

    await asked("place", "Send location")
    await handset.sheet.get_by_label("Name").fill("By the fountain")
    await handset.sheet.get_by_label("Latitude").fill("38.5")
    await handset.sheet.get_by_role("button", name="Send location").click()
    await replied("place", type="location")
    assert (await shop.heard(type="location"))["location"]["name"] == "By the fountain"

    await asked("flow", "Book now")
    await handset.sheet.get_by_label("Name").fill("day")
    await handset.sheet.get_by_label("Value").fill("Monday")
    await handset.sheet.get_by_role("button", name="Send the form").click()
    await replied("flow")
    await expect(handset.log.locator("dl").last).to_contain_text("Monday")

    await asked("address", "Provide address")
    await handset.sheet.get_by_label("city").fill("Pune")
    await handset.sheet.get_by_role("button", name="Send").click()
    await replied("address")

    await asked("products", "View items")
    await handset.sheet.get_by_label("helmet-0").fill("2")
    await handset.sheet.get_by_role("button", name="Send the order").click()
    await replied("products", type="order")
    assert (await shop.heard(type="order"))["order"]["product_items"][0]["quantity"] == 2

    await asked("payment", "Review and pay")
    await expect(handset.page.locator("#toast")).to_contain_text("The sandbox takes no payments.")


CHOICES = {
    "image": "Picture",
    "video": "Video",
    "audio": "Audio or voice message",
    "document": "Document",
    "sticker": "Sticker",
}


async def test_files_of_every_kind_are_attached(shop: Shop, open_handset: OpenHandset, tmp_path: Path) -> None:
    handset = await open_handset()
    for kind, choice in CHOICES.items():
        name, _, data = showcase.FILES[kind]
        (tmp_path / name).write_bytes(data)
        await _attach(handset, tmp_path / name, kind, choice)

        heard = await shop.heard(type=kind)
        await expect(handset.log.locator(f"[data-message='{heard['id']}'][data-kind={kind}]")).to_be_visible()
        content = heard[kind]
        assert content.get("caption") == ("From the customer" if kind in ("image", "video", "document") else None)
        assert content.get("voice") is (True if kind == "audio" else None)
        assert content.get("filename") == (name if kind == "document" else None)


async def _attach(handset: Handset, path: Path, kind: str, choice: str) -> None:
    await handset.phone.get_by_role("button", name="Attach").click()

    async with handset.page.expect_file_chooser() as chooser:
        await handset.sheet.get_by_role("button", name=choice, exact=True).click()
    await (await chooser.value).set_files(path)
    if kind in ("image", "video", "document"):
        await handset.sheet.get_by_label("Caption").fill("From the customer")
    await handset.sheet.get_by_role("button", name="Send", exact=True).click()


async def test_places_and_contacts_are_attached(shop: Shop, open_handset: OpenHandset) -> None:
    handset = await open_handset()

    await handset.phone.get_by_role("button", name="Attach").click()
    await handset.sheet.get_by_role("button", name="Location").click()
    await handset.sheet.get_by_role("button", name="Union Station").click()
    await handset.sheet.get_by_role("button", name="Send location").click()
    place = await shop.heard(type="location")
    await handset.phone.get_by_role("button", name="Attach").click()
    await handset.sheet.get_by_role("button", name="Contact").click()
    await handset.sheet.get_by_label("Name").fill("My neighbour")
    await handset.sheet.get_by_label("Phone").fill("+1 202 555 0188")
    await handset.sheet.get_by_role("button", name="Send contact").click()
    card = await shop.heard(type="contacts")

    assert place["location"]["latitude"] == 38.8977
    assert card["contacts"][0]["name"] == {"formatted_name": "My neighbour"}
    await expect(handset.row("My neighbour")).to_be_visible()


async def test_replies_reactions_and_deletions(shop: Shop, open_handset: OpenHandset) -> None:
    handset = await open_handset()
    asked = await shop.send_wamid(text("Shall we keep it for you?"))
    await shop.send_wamid({"type": "reaction", "reaction": {"message_id": "wamid.nobody", "emoji": "👍"}})

    await handset.menu("Shall we keep it")
    await handset.sheet.get_by_role("button", name="Reply").click()
    await handset.write("Yes please")
    reply = await shop.heard(context={"from": NUMBER, "id": asked})
    await handset.menu("Shall we keep it")
    await handset.sheet.get_by_role("button", name="React with 👍").click()
    reaction = await shop.heard(type="reaction")

    await expect(handset.row("Yes please").locator(".quote")).to_contain_text("Shall we keep it for you?")
    assert (reply["text"]["body"], reaction["reaction"]) == ("Yes please", {"message_id": asked, "emoji": "👍"})
    asked_row = handset.log.locator(f"[data-message='{asked}']")
    await expect(asked_row.locator(".reactions")).to_contain_text("👍")
    await handset.menu("Shall we keep it")
    await handset.sheet.get_by_role("button", name="Take 👍 back").click()
    await expect(asked_row.locator(".reactions")).to_be_hidden()
    mine = handset.log.locator(f"[data-message='{reply['id']}']")
    await shop.send_wamid({"type": "reaction", "reaction": {"message_id": reply["id"], "emoji": "❤️"}})
    await expect(mine.locator(".reactions")).to_contain_text("❤️")
    await handset.menu("Yes please")
    await handset.sheet.get_by_role("button", name="Delete for everyone").click()
    await shop.heard(type="revoke")
    await expect(mine).to_contain_text("You deleted this message.")
    edit = {"original_message_id": "", "message": {"type": "text", "text": {"body": "hello, edited"}}}
    first = next(one for one in shop.receiver.messages() if one["type"] == "text")
    edit["original_message_id"] = first["id"]
    await shop.call("POST", f"/sandbox/phones/{PHONE}/messages", {"to": NUMBER, "type": "edit", "edit": edit})
    await expect(handset.log.locator(f"[data-message='{first['id']}']")).to_contain_text("Edited")
