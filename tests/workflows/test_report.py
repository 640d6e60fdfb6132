"""The report of a MAPS that was really trained."""

from fimbria.results.maps.integrity import damage
from fimbria.results.maps.maps import Maps
from fimbria.workflows.report import report


def test_is_one_file_with_pictures_and_no_names(trained, tmp_path):
    page = report(trained.maps, tmp_path / "page.html").read_text()
    assert "<svg" in page
    assert "data:image/png;base64," in page
    assert "sub-0" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_lies_in_the_maps_unless_told_and_damages_nothing(trained, tmp_path):
    study = trained.copy(tmp_path)
    assert report(study.maps) == study.maps / "report.html"
    assert damage(Maps(study.maps).paths) == []


def test_does_without_images_that_have_moved(trained, tmp_path):
    study = trained.copy(tmp_path)
    maps = study.maps / "maps.json"
    maps.write_text(maps.read_text().replace("/caps", "/nowhere"))
    assert "data:image/png" not in report(study.maps).read_text()
