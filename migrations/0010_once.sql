-- The comments whose commands were carried out, so that each is carried out once, however often GitHub or
-- somebody else delivers it.
CREATE TABLE carried_out (
    repository BIGINT NOT NULL,
    comment BIGINT NOT NULL,
    delivery TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (repository, comment)
);

-- The digests of the bodies that were received. The GUID of a delivery is not signed, so a body is known by
-- its content.
CREATE TABLE delivery_bodies (
    digest TEXT NOT NULL PRIMARY KEY,
    delivery TEXT NOT NULL,
    received_at BIGINT NOT NULL
);
