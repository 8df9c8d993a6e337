"""Numbers as a sheet shows them."""

import pytest

from providers.parsing.formats.numberformat import format_number, format_text


@pytest.mark.parametrize(
    ("value", "pattern", "shown"),
    [
        (0.475, "0.0%", "47.5%"),
        (150_000, "[$$-409]#,##0.00", "$150,000.00"),
        (1234.5, "#,##0.00\\ [$€-407]", "1,234.50 €"),
        (-1234.5, "#,##0.00_);(#,##0.00)", "(1,234.50)"),
        (-100, '_-* #,##0.00\\ "kr"_-;\\-* #,##0.00\\ "kr"_-', "-100.00 kr"),
        (2134, "00000", "02134"),
        (123_456_789, "000-00-0000", "123-45-6789"),
        (5_551_234_567, "(000) 000-0000", "(555) 123-4567"),
        (1_234_567, "#,##0,", "1,235"),
        (1_234_567, '0.0,,"M"', "1.2M"),
        (12_345.678, "0.00E+00", "1.23E+04"),
        (2.5, "# ?/?", "2 1/2"),
        (0, '0;-0;"none"', "none"),
        (5, '[<10]"low";[>=10]"high"', "low"),
        (1.005, "0.00", "1.01"),
        (-0.001, "0.00", "0.00"),
        (1 / 3, "General", "0.3333333333"),
        (4_012_888_888_881_881, "0", "4012888888881881"),
        (45_761, "yyyy-mm-dd", "2025-04-14"),
        (45_761, 'yyyy"年"m"月"d"日"', "2025年4月14日"),
        (45_761, '[$-411]ggge"年"m"月"d"日"', "令和7年4月14日"),
        (45_721, "[$-407]d. mmmm yyyy", "5. März 2025"),
        (45_761, "[$-40C]dddd d mmmm yyyy", "lundi 14 avril 2025"),
        (45_761, "[$-107041E]d mmm yyyy", "14 เม.ย. 2568"),
        (45_761.5625, "h:mm AM/PM", "1:30 PM"),
        (1.5, "[h]:mm", "36:00"),
        (1 / 1440, "[mm]:ss", "01:00"),
        (45_761.123456, "hh:mm:ss.000", "02:57:46.598"),
        (44_927.99999999, "yyyy-mm-dd hh:mm:ss", "2023-01-02 00:00:00"),
        (59, "d mmm", "28 Feb"),
        (7, ";;;", ""),
    ],
)
def test_formats(value: float, pattern: str, shown: str) -> None:
    assert format_number(value, pattern).strip() == shown


def test_days_count_from_1904_where_the_workbook_says_so() -> None:
    assert format_number(44_299, "yyyy-mm-dd", epoch_1904=True) == "2025-04-14"


def test_text_stands_where_its_sign_does() -> None:
    assert format_text("ab", "General") == "ab"
    assert format_text("ab", '0;0;0;"x "@') == "x ab"
