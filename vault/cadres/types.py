"""A cadre file as the form 2C (sơ yếu lý lịch, mẫu 2C) and declarations of assets (Decree 130/2020) have it.

Fields are as people write them; where a form says "if any" they may be left out. Moments of a career are
often known by year or month alone. Content is checked for its shape and for contradictions, not for truth.
"""

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Line = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(min_length=1, max_length=2_000)]
Name = Annotated[str, Meta(min_length=2, max_length=120)]
UnitCode = Annotated[str, Meta(pattern="^([0-9]{5}|[CDP][0-9]{4})\\Z")]
CadreCode = Annotated[str, Meta(pattern="^[A-Z0-9][A-Z0-9.-]{1,19}\\Z")]
"""The cadre's number (số hiệu cán bộ)."""
CitizenId = Annotated[str, Meta(pattern="^[0-9]{12}\\Z")]
"""Number of the citizen's card (số căn cước): the fourth digit tells sex and century, then comes the year."""
InsuranceNumber = Annotated[str, Meta(pattern="^[0-9]{10}\\Z")]
Partly = Annotated[str, Meta(pattern="^(19|20)[0-9]{2}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?\\Z")]
"""A day, a month or a year: "1998-09-01", "1998-09", "1998"."""
Year = Annotated[int, Meta(ge=1900, le=2200)]
Money = Annotated[int, Meta(ge=0, le=10**15)]
"""In đồng."""

Gender = Literal["male", "female"]
Qualification = Literal["none", "vocational", "college", "bachelor", "master", "doctor"]
"""Trình độ chuyên môn cao nhất: chưa qua đào tạo, trung cấp, cao đẳng, đại học, thạc sĩ, tiến sĩ."""
PoliticalTheory = Literal["none", "elementary", "intermediate", "advanced", "bachelor"]
"""Lý luận chính trị: chưa qua đào tạo, sơ cấp, trung cấp, cao cấp, cử nhân."""
StateManagement = Literal["none", "officer", "specialist", "principal", "senior"]
"""Quản lý nhà nước: chưa qua đào tạo, cán sự, chuyên viên, chuyên viên chính, chuyên viên cao cấp."""


class Part(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel", omit_defaults=True
):
    """A part of the file. A misspelt field is refused, not lost."""


class Rank(Part, frozen=True, kw_only=True):
    """Rank and pay (ngạch, bậc, hệ số lương)."""

    name: Line
    code: Annotated[str, Meta(pattern="^[0-9A-Z.]{2,12}\\Z")]
    step: Annotated[int, Meta(ge=1, le=16)]
    coefficient: Annotated[float, Meta(ge=1, le=20)]
    since: Partly


class Service(Part, frozen=True, kw_only=True):
    """Service in the army (nhập ngũ, xuất ngũ)."""

    since: Partly
    until: Partly | None = None
    rank: Line | None = None


class Relative(Part, frozen=True, kw_only=True):
    """A member of the family (quan hệ gia đình)."""

    relation: Line
    name: Name
    birth_year: Year | None = None
    occupation: Text | None = None


class Identity(Part, frozen=True, kw_only=True):
    """Items 1 to 26 and 30 of the form."""

    full_name: Name
    """Họ và tên khai sinh."""
    other_names: Annotated[tuple[Name, ...], Meta(max_length=5)] = ()
    birth_date: date
    gender: Gender
    birth_place: Line
    hometown: Line
    ethnicity: Line
    religion: Line | None = None
    citizen_id: CitizenId
    insurance_number: InsuranceNumber | None = None
    residence: Line | None = None
    present_address: Line | None = None
    unit: UnitCode
    post: Line
    """Chức vụ hiện tại."""
    post_since: Partly | None = None
    main_work: Line | None = None
    recruited: Partly | None = None
    recruited_by: Line | None = None
    rank: Rank | None = None
    general_education: Annotated[str, Meta(pattern="^[0-9]{1,2}/1[02]\\Z")] | None = None
    """Giáo dục phổ thông: "12/12", "10/10"."""
    qualification: Qualification
    field: Line | None = None
    political_theory: PoliticalTheory
    state_management: StateManagement | None = None
    languages: Annotated[tuple[Line, ...], Meta(max_length=10)] = ()
    computing: Line | None = None
    party_joined: Partly | None = None
    party_official: Partly | None = None
    party_post: Line | None = None
    union_joined: Partly | None = None
    army: Service | None = None
    titles: Annotated[tuple[Line, ...], Meta(max_length=10)] = ()
    strengths: Line | None = None
    health: Line | None = None
    blood_group: Literal["A", "B", "AB", "O"] | None = None
    height_cm: Annotated[int, Meta(ge=100, le=230)] | None = None
    weight_kg: Annotated[int, Meta(ge=25, le=250)] | None = None
    invalidity: Line | None = None
    family: Annotated[tuple[Relative, ...], Meta(max_length=40)] = ()


class CareerStep(Part, frozen=True, kw_only=True):
    """A stage of the career (quá trình công tác)."""

    since: Partly
    until: Partly | None = None
    organisation: Line
    post: Line
    decision: Line | None = None


class Training(Part, frozen=True, kw_only=True):
    """A training (đào tạo, bồi dưỡng)."""

    since: Partly
    until: Partly | None = None
    school: Line
    field: Line
    form: Literal["full_time", "in_service", "distance", "short_course"]
    certificate: Line | None = None


class Award(Part, frozen=True, kw_only=True):
    """An award (khen thưởng)."""

    on: Partly
    title: Line
    level: Literal["unit", "commune", "city", "ministry", "state"]
    decision: Line | None = None


class Discipline(Part, frozen=True, kw_only=True):
    """A disciplinary measure (kỷ luật) of the Party or the administration."""

    on: Partly
    form: Literal[
        "reprimand",
        "warning",
        "pay_cut",
        "demotion",
        "removal_from_post",
        "dismissal",
        "expulsion_from_party",
    ]
    """Khiển trách, cảnh cáo, hạ bậc lương, giáng chức, cách chức, buộc thôi việc, khai trừ."""
    decided_by: Line
    reason: Text
    ends: Partly | None = None


class Asset(Part, frozen=True, kw_only=True):
    """One thing declared."""

    kind: Literal[
        "residential_land", "other_land", "house", "other_building", "cash", "gold", "securities", "vehicle",
        "other_movable", "abroad", "foreign_account",
    ]  # fmt: skip
    owner: Literal["self", "spouse", "minor_child", "joint"]
    description: Text
    value: Money | None = None


class AssetDeclaration(Part, frozen=True, kw_only=True):
    """A declaration of assets and income (kê khai tài sản, thu nhập; Decree 130/2020)."""

    kind: Literal["first", "yearly", "supplementary", "for_appointment"]
    on: date
    assets: Annotated[tuple[Asset, ...], Meta(max_length=60)]
    income: Money
    """Of the person, spouse and minor children between two declarations."""
    changes: Text | None = None
    """How assets and income changed, and where from."""


class CadreFile(Part, frozen=True, kw_only=True):
    """The whole file; what the first slice has of it."""

    code: CadreCode
    identity: Identity
    career: Annotated[tuple[CareerStep, ...], Meta(max_length=80)] = ()
    training: Annotated[tuple[Training, ...], Meta(max_length=80)] = ()
    awards: Annotated[tuple[Award, ...], Meta(max_length=80)] = ()
    discipline: Annotated[tuple[Discipline, ...], Meta(max_length=30)] = ()
    assets: Annotated[tuple[AssetDeclaration, ...], Meta(max_length=40)] = ()


SCHEMA = "cadre/v1"
"""Of what is written now. Readers know every schema there was."""
