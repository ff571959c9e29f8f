"""Small word lists from which seeded people and jobs are put together."""

from typing import Literal

FIRST_NAMES = (
    "Ada", "Amara", "Anton", "Beatriz", "Bilal", "Camille", "Chidi", "Daniela", "Dmitri", "Elif",
    "Emeka", "Farida", "Giulia", "Hana", "Ingrid", "Ivo", "Jamal", "Jun", "Kaia", "Kofi",
    "Leila", "Linh", "Mateo", "Mirela", "Nadia", "Niko", "Oluwaseun", "Paloma", "Priya", "Quentin",
    "Rania", "Rohan", "Saoirse", "Søren", "Tamar", "Tomás", "Uma", "Viktor", "Wanjiru", "Xiomara",
    "Yara", "Yuki", "Zainab", "Zoë",
)  # fmt: skip
LAST_NAMES = (
    "Abara", "Alvarez", "Bakker", "Bianchi", "Castellanos", "Chaudhry", "Dahl", "Dubois", "Eriksen",
    "Farouk", "Ferreira", "Gallo", "Grönlund", "Haddad", "Horvat", "Ibrahim", "Ito", "Jansen",
    "Kamau", "Kowalski", "Kumar", "Lindqvist", "Lopes", "Mbeki", "Moreau", "Nakamura", "Novák",
    "O'Connell", "Okafor", "Park", "Petrov", "Quispe", "Rahman", "Rossi", "Sahin", "Santos",
    "Tanaka", "Torres", "Ueda", "Vargas", "Weiss", "Yilmaz", "Zhang", "Zimmer",
)  # fmt: skip
COMPANIES = (
    "Aurora Freight", "Blue Heron Labs", "Cobalt Kitchens", "Dune Mobility", "Evergreen Bank",
    "Foxglove Health", "Granite Works", "Harbor Media", "Indigo Rail", "Juniper Foods",
)  # fmt: skip
TITLES = (
    "Accountant", "Backend Engineer", "Data Analyst", "Designer", "Electrician", "Nurse",
    "Office Coordinator", "Product Owner", "Sales Lead", "Support Specialist", "Welder",
)  # fmt: skip
TEAMS = ("Berlin", "Field", "Growth", "Lisbon", "Nights", "Platform", "Remote", "Research")
TAGS = ("bilingual", "boomerang", "fast-track", "local", "night-shift", "referred", "relocating")
SOURCES = ("Careers page", "Job board", "Referral", "Recruiting event", "Agency", "LinkedIn")
CITIES = ("Accra", "Bergen", "Cusco", "Dresden", "Évora", "Fukuoka", "Ghent", "Hanoi")
NOTICE = ("none", "one month", "three months")
REASONS: tuple[tuple[str, Literal["rejected", "withdrawn", "other"]], ...] = (
    ("Lacking skills", "rejected"),
    ("Not a fit", "rejected"),
    ("Position filled", "rejected"),
    ("Withdrew", "withdrawn"),
    ("Withdrew: accepted another offer", "withdrawn"),
    ("Other", "other"),
)
UNKNOWN_STAGES = ("Coffee with the founders", "Moonshot loop", "Rooftop tour")
