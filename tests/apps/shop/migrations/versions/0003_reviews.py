"""Reviews and points; deleting a product keeps when it was; prices may be higher."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

product = sa.table(
    "product",
    sa.column("id"),
    sa.column("is_deleted", sa.Boolean()),
    sa.column("deleted_at", sa.DateTime()),
    sa.column("created_at", sa.DateTime()),
    sa.column("description"),
    sa.column("attributes", sa.JSON()),
)


def upgrade() -> None:
    op.create_table(
        "review",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=False),
        sa.Column("body", sa.String(500), nullable=False),
        sa.Column("written_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_review_product_id_product"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_review_customer_id_customer")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
        sa.UniqueConstraint("product_id", "customer_id", name=op.f("uq_review_product_id_customer_id")),
    )
    op.create_index(op.f("ix_review_customer_id"), "review", ["customer_id"])
    op.create_index("ix_review_rating", "review", ["rating"])
    with op.batch_alter_table("customer") as batch:
        batch.add_column(sa.Column("points", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("customer") as batch:
        batch.alter_column("points", existing_type=sa.Integer(), existing_nullable=False, server_default=None)
    with op.batch_alter_table("product") as batch:
        batch.add_column(sa.Column("deleted_at", sa.DateTime(), nullable=True))
        batch.add_column(sa.Column("description", sa.Text(), nullable=True))
        batch.add_column(sa.Column("attributes", sa.JSON(), nullable=True))
    op.execute(product.update().where(product.c.is_deleted).values(deleted_at=product.c.created_at))
    op.execute(product.update().values(description="", attributes={}))
    with op.batch_alter_table("product") as batch:
        batch.drop_column("is_deleted")
        batch.alter_column("description", existing_type=sa.Text(), nullable=False)
        batch.alter_column("attributes", existing_type=sa.JSON(), nullable=False)
        batch.alter_column(
            "price", existing_type=sa.Numeric(8, 2), type_=sa.Numeric(10, 2), existing_nullable=False
        )


def downgrade() -> None:
    with op.batch_alter_table("product") as batch:
        batch.add_column(sa.Column("is_deleted", sa.Boolean(), nullable=True))
    op.execute(product.update().values(is_deleted=product.c.deleted_at.is_not(None)))
    with op.batch_alter_table("product") as batch:
        batch.alter_column("is_deleted", existing_type=sa.Boolean(), nullable=False)
        batch.drop_column("deleted_at")
        batch.drop_column("description")
        batch.drop_column("attributes")
        batch.alter_column(
            "price", existing_type=sa.Numeric(10, 2), type_=sa.Numeric(8, 2), existing_nullable=False
        )
    with op.batch_alter_table("customer") as batch:
        batch.drop_column("points")
    op.drop_table("review")
