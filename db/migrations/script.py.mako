"""${message}"""

from db.migrate import run_script

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    run_script("""${upgrades or ""}""")


def downgrade() -> None:
    run_script("""${downgrades or ""}""")
